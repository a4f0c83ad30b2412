"""Question sets are made into a cache of examples, with our own index and search to find the negatives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.training.cache import BASE, SPANS, Kind, write_cache
from eval.training.examples import Example, Making, examples
from eval.training.questions import held_aside, read_question_set
from index.encoders.encoder import Encoder
from index.types import Passage
from rag.readers.model import copy_base
from rag.readers.word_pieces import Pieces, Ragged, load_tokenizer, passage_pieces, question_pieces

Say = Callable[[str], None]


def prepare(
    folders: Sequence[Path], cache: Path, encoder: Encoder, making: Making, held: float, say: Say = lambda line: None
) -> None:
    """Writes the examples of the question sets in `folders`, and the model's base, into `cache`.

    `held` is the share of each set's documents that is kept aside to measure on.
    """
    sets = [read_question_set(folder) for folder in folders]
    aside = held_aside(sets, held, making.seed)
    gathered = _Gathered()
    for number, one in enumerate(sets):
        say(f"{one.name}: {len(one.documents)} documents, {len(one.questions)} questions")
        found = examples(one, aside, encoder, making, lambda done, total: None)
        before = Counter(gathered.kinds)
        for example in found:
            gathered.add(number, example)
        counts = Counter(gathered.kinds) - before
        say(f"{one.name}: " + ", ".join(f"{kind.name.lower()} {counts[kind]}" for kind in Kind))
    made = {"making": asdict(making), "held": held, "held_documents": len(aside)}
    gathered.write(cache, [one.name for one in sets], made)
    copy_base(cache / BASE)


class _Gathered:
    """Examples on their way into a cache: each question and each passage once."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self._questions: dict[str, int] = {}
        self._rows: dict[tuple[int, int], int] = {}
        self._passages: list[Passage] = []
        self._kept: list[tuple[int, int, int, Example]] = []

    def add(self, set: int, example: Example) -> None:
        question = self._questions.setdefault(example.question, len(self._questions))
        passage = self._rows.setdefault((set, example.row), len(self._rows))
        if passage == len(self._passages):
            self._passages.append(example.passage)
        self._kept.append((set, question, passage, example))
        self.kinds.append(example.kind)

    def write(self, folder: Path, names: Sequence[str], made: Mapping[str, object]) -> None:
        tokenizer = load_tokenizer()
        pieces = passage_pieces(tokenizer, self._passages)
        spans = [_spans(pieces[passage], example) for _, _, passage, example in self._kept]
        # what cannot be read out of the passage cannot be learned from it
        kept = [
            (one, found)
            for one, found in zip(self._kept, spans, strict=True)
            if one[3].kind is not Kind.ANSWERS or found[0, 0] >= 0
        ]
        columns: dict[str, NDArray[np.integer]] = {
            "pairs": np.array([one[1:3] for one, _ in kept], np.int32).reshape(-1, 2),
            "spans": np.array([found for _, found in kept], np.int16).reshape(-1, SPANS, 2),
            "kinds": np.array([one[3].kind for one, _ in kept], np.uint8),
            "sets": np.array([one[0] for one, _ in kept], np.uint8),
            "answerable": np.array([one[3].answerable for one, _ in kept], np.uint8),
        }
        write_cache(
            folder,
            Ragged.of(question_pieces(tokenizer, list(self._questions)), np.uint16),
            Ragged.of((one.ids for one in pieces), np.uint16),
            Ragged.of((one.sentences for one in pieces), np.uint8),
            columns,
            names,
            made,
        )


def _spans(pieces: Pieces, example: Example) -> NDArray[np.int16]:
    found = {place for span in example.answers if (place := pieces.find(span))}
    spans = np.full((SPANS, 2), -1, np.int16)
    for n, place in enumerate(sorted(found)[:SPANS]):
        spans[n] = place
    return spans
