"""Examples as word pieces in one small file: made where search is at hand, trained on wherever there is a GPU."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from index.errors import ModelError
from index.files import replace_whole
from rag.readers.word_pieces import Ragged

FILE = "examples.safetensors"
BASE = "base"
"""The folder, beside the file, of the base's weights."""
FORMAT = "quoth-examples-1"
SPANS = 4
"""Places of a passage that answer, at most so many are kept."""


class Kind(IntEnum):
    """Why a passage stands beside a question."""

    ANSWERS = 0
    RETRIEVED = 1
    """It ranks high and does not answer."""
    UNANSWERABLE = 2
    """It ranks high for a question that nothing answers."""
    SWAPPED = 3
    """It answers the question that this one was made from."""
    HELD = 4
    """It was retrieved for a question of a document held aside: to be measured on, not trained on."""


@dataclass(frozen=True, slots=True, eq=False)
class Cache:
    """Pairs of a question and a passage, in arrays that share their first dimension: n pairs."""

    questions: Ragged
    passages: Ragged
    sentences: Ragged
    """Of the passages: for each word piece the number, from 1, of its sentence, and 0 in a heading."""
    pairs: NDArray[np.int32]
    """(n, 2): the rows of a question and of a passage; a question's pairs are neighbours, best found first."""
    spans: NDArray[np.int16]
    """(n, SPANS, 2): first and last piece, in the passage, of the words that answer; -1 where there are no more."""
    kinds: NDArray[np.uint8]
    """(n,): values of Kind."""
    sets: NDArray[np.uint8]
    """(n,): places in `names`."""
    answerable: NDArray[np.uint8]
    """(n,): whether anything in the set's corpus answers the question."""
    names: tuple[str, ...]
    """Of the question sets."""
    checksum: str
    """sha256 of the file."""

    def __len__(self) -> int:
        return len(self.pairs)

    def lengths(self) -> NDArray[np.int64]:
        """(n,): the word pieces of each pair, the special ones included."""
        return self.questions.sizes[self.pairs[:, 0]] + self.passages.sizes[self.pairs[:, 1]] + 3


def write_cache(
    folder: Path,
    questions: Ragged,
    passages: Ragged,
    sentences: Ragged,
    columns: dict[str, NDArray[np.integer]],
    names: Sequence[str],
    made: Mapping[str, object],
) -> None:
    """Writes a cache into `folder`; `columns` are the arrays of Cache from `pairs` on, `made` says how they were."""
    arrays = {
        "questions": questions.flat,
        "question_starts": questions.starts,
        "passages": passages.flat,
        "sentences": sentences.flat,
        "passage_starts": passages.starts,
        **columns,
    }
    # one entry: several would come in any order, and equal examples would not make equal files
    metadata = {"about": json.dumps({"format": FORMAT, "names": list(names), "made": made})}
    folder.mkdir(parents=True, exist_ok=True)
    replace_whole(folder / FILE, save(arrays, metadata))


def read_cache(folder: Path) -> Cache:
    """The cache in `folder`. Raises ModelError where there is none that can be read."""
    file = folder / FILE
    remedy = "Prepare the examples again, with --data"
    try:
        checksum = hashlib.sha256(file.read_bytes()).hexdigest()
        with safe_open(file, framework="np") as opened:
            about = json.loads((opened.metadata() or {}).get("about", "{}"))
            a = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{file}: no examples can be read there: {error}", remedy) from error
    if about.get("format") != FORMAT:
        raise ModelError(f"{file}: its format is {about.get('format')!r}, expected {FORMAT!r}", remedy)
    return Cache(
        Ragged(a["questions"], a["question_starts"]),
        Ragged(a["passages"], a["passage_starts"]),
        Ragged(a["sentences"], a["passage_starts"]),
        a["pairs"],
        a["spans"],
        a["kinds"],
        a["sets"],
        a["answerable"],
        tuple(about["names"]),
        checksum,
    )
