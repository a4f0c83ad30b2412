"""Training examples: pairs of a question and a passage as word pieces, in one file, drawn in batches.

Making the file needs search. Training from it needs neither search nor the packaged encoder.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from pathlib import Path

import numpy as np
import tokenizers
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from index.errors import ModelError, SettingsError
from index.files import replace_whole, sha256_of
from rag.readers.word_pieces import LONGEST, Batch, collate

FILE = "examples.safetensors"
BASE = "base"
"""The folder with the weights of the base model, beside the file."""
FORMAT = "quoth-examples-1"
SPANS = 4
"""The most answering places that are kept for a passage."""
LONGEST_PAIR = 320
"""The most word pieces of a pair that training reads."""
_SORTED = 512
"""The number of questions that are sorted by length together, so that a batch needs little padding."""


class Kind(IntEnum):
    """The reason why a passage is paired with a question."""

    ANSWERS = 0
    RETRIEVED = 1
    """A hard negative: the passage ranks high and does not answer."""
    UNANSWERABLE = 2
    """A hard negative: the passage ranks high for a question that no document answers."""
    SWAPPED = 3
    """A hard negative: the passage answers the question that this one was made from."""
    HELD = 4
    """The passage ranks high for a question about a held-out document. It is evaluated on and never trained on."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """n pairs of a question and a passage."""

    questions: Sequence[NDArray[np.uint16]]
    """The word pieces of each question."""
    passages: Sequence[NDArray[np.uint16]]
    """The word pieces of each passage."""
    sentences: Sequence[NDArray[np.uint8]]
    """For each word piece of a passage the number, from 1, of its sentence; 0 in a heading."""
    pairs: NDArray[np.int32]
    """(n, 2): a row of `questions` and a row of `passages`. The best passage of a held-out question comes first."""
    spans: NDArray[np.int16]
    """(n, SPANS, 2): the first and last piece, in the passage, of each answer; -1 after the last answer."""
    kinds: NDArray[np.uint8]
    """(n,): values of Kind."""
    sets: NDArray[np.uint8]
    """(n,): indices into `names`."""
    answerable: NDArray[np.uint8]
    """(n,): 1 if a document of the question set answers the question."""
    names: tuple[str, ...]
    """The names of the question sets."""
    tokenizer: tokenizers.Tokenizer
    checksum: str = ""
    """sha256 of the file that the examples were read from."""

    def __len__(self) -> int:
        return len(self.pairs)

    def lengths(self) -> NDArray[np.int64]:
        """(n,): the word pieces of each pair, special pieces included."""
        return np.array([len(self.questions[q]) + len(self.passages[p]) + 3 for q, p in self.pairs.tolist()])

    def first_places(self, rows: NDArray[np.integer]) -> NDArray[np.int64]:
        """(n,): the place in a batch at which the passage of each of these examples begins."""
        return np.array([len(self.questions[q]) + 2 for q in self.pairs[rows, 0].tolist()])

    def batch(self, rows: NDArray[np.integer], length: int = LONGEST) -> Batch:
        """The model's input for these examples, each cut to `length` word pieces."""
        pairs = self.pairs[rows].tolist()
        return collate([(self.questions[q], self.passages[p], self.sentences[p]) for q, p in pairs], length)


def to_device(batch: Batch, device: torch.device) -> Batch:
    return Batch(*(tensor.to(device) for tensor in (batch.ids, batch.mask, batch.types, batch.sentences)))


def write_examples(examples: Examples, folder: Path, made: Mapping[str, object]) -> None:
    """Writes the examples into `folder`; `made` records the settings that they were made with."""
    arrays = {
        "questions": np.concatenate(examples.questions),
        "question_starts": np.cumsum([0, *map(len, examples.questions)]),
        "passages": np.concatenate(examples.passages),
        "sentences": np.concatenate(examples.sentences),
        "passage_starts": np.cumsum([0, *map(len, examples.passages)]),
        **{name: getattr(examples, name) for name in ("pairs", "spans", "kinds", "sets", "answerable")},
    }
    # one metadata entry, because several have no fixed order and equal examples must make equal files
    metadata = {"about": json.dumps({"format": FORMAT, "names": examples.names, "made": made})}
    folder.mkdir(parents=True, exist_ok=True)
    replace_whole(folder / FILE, save(arrays, metadata))


def read_examples(folder: Path) -> Examples:
    """The examples in `folder`. Raises ModelError if they cannot be read."""
    file = folder / FILE
    remedy = "Make the examples again, with --data"
    try:
        checksum = sha256_of(file)
        with safe_open(file, framework="np") as opened:
            about = json.loads((opened.metadata() or {}).get("about", "{}"))
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
        tokenizer = (folder / BASE / "tokenizer.json").read_text(encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{file}: no examples can be read there: {error}", remedy) from error
    if about.get("format") != FORMAT:
        raise ModelError(f"{file}: its format is {about.get('format')!r}, expected {FORMAT!r}", remedy)
    question_starts, passage_starts = arrays.pop("question_starts")[1:-1], arrays.pop("passage_starts")[1:-1]
    return Examples(
        questions=np.split(arrays.pop("questions"), question_starts),
        passages=np.split(arrays.pop("passages"), passage_starts),
        sentences=np.split(arrays.pop("sentences"), passage_starts),
        names=tuple(about["names"]),
        tokenizer=tokenizers.Tokenizer.from_str(tokenizer),
        checksum=checksum,
        **arrays,
    )


def training_epochs(
    examples: Examples, *, batch: int, negatives: int, without: Sequence[str] = (), seed: int = 0
) -> Iterator[list[NDArray[np.int64]]]:
    """Yields one epoch after another, without end. An epoch is a list of batches, a batch the rows of its examples.

    An epoch has every answering and every swapped pair, and for each question at most `negatives` retrieved passages,
    drawn again in each epoch. All pairs of a question are in one batch, since the loss compares them. A batch has at
    most `batch` pairs, unless one question has more. Sets named in `without` are left out, and so are answers beyond
    LONGEST_PAIR. Raises SettingsError if no example is left.
    """
    last = examples.spans.max((1, 2)) + examples.first_places(np.arange(len(examples)))
    cut = (examples.kinds == Kind.ANSWERS) & (last + 1 >= LONGEST_PAIR)
    left_out = np.isin(examples.sets, [number for number, name in enumerate(examples.names) if name in without])
    rows = np.flatnonzero((examples.kinds != Kind.HELD) & ~left_out & ~cut)
    if not len(rows):
        raise SettingsError("no example is left to train on", "Leave out fewer sets")
    rows = rows[np.argsort(examples.pairs[rows, 0], kind="stable")]
    questions = np.split(rows, np.flatnonzero(np.diff(examples.pairs[rows, 0])) + 1)
    retrieved = np.isin(examples.kinds, (Kind.RETRIEVED, Kind.UNANSWERABLE))
    lengths = examples.lengths()
    for epoch in count():
        chance = np.random.default_rng([seed, epoch])
        drawn = []
        for number in chance.permutation(len(questions)):
            may_be_drawn = retrieved[questions[number]]
            kept, others = questions[number][~may_be_drawn], questions[number][may_be_drawn]
            drawn.append(np.concatenate([kept, chance.permutation(others)[:negatives]]))
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(drawn), _SORTED):
            by_length = sorted(drawn[start : start + _SORTED], key=lambda pairs: int(lengths[pairs].max(initial=0)))
            batches += _filled(by_length, batch)
        yield [batches[number] for number in chance.permutation(len(batches))]


def _filled(groups: Sequence[NDArray[np.int64]], size: int) -> Iterator[NDArray[np.int64]]:
    """Batches of whole groups, each with at most `size` pairs or with one group."""
    batch: list[NDArray[np.int64]] = []
    for group in groups:
        if batch and sum(map(len, batch)) + len(group) > size:
            yield np.concatenate(batch)
            batch = []
        batch.append(group)
    yield np.concatenate(batch)
