"""Question sets become examples: a question, a passage and where it answers, with negatives that our search finds."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from eval.training.cache import Kind
from eval.training.hard_negatives import contrary, swap
from eval.training.questions import Question, QuestionSet, sampled
from index.corpus import open_corpus
from index.encoders.encoder import Encoder
from index.publish import Progress, passages_of, publish
from index.types import Hit, Passage, Query, Span
from rag.judge import READ
from rag.readers.word_pieces import Framed

_GOLD = 2
"""Passages that answer a question, at most so many of them."""
_LONGEST_QUESTION = 64
"""Word pieces: longer questions are rare, and would make every batch that they are in longer."""
_ENCODED_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class Example:
    question: str
    row: int
    """The passage's, in the corpus of its set."""
    passage: Passage
    text: str
    """The passage under its heading, as the reader sees it."""
    answers: tuple[Span, ...]
    """The answering words, in `text`; empty where the passage does not answer."""
    sentences: tuple[int, ...]
    """The places, among the passage's sentences, of those that hold them."""
    kind: Kind
    answerable: bool
    """Whether anything in the corpus answers the question."""


@dataclass(frozen=True, slots=True)
class Making:
    """How examples are made."""

    seed: int = 0
    limit: int | None = None
    """Questions of a set, at most."""
    held_limit: int = 300
    """Questions of a set's documents held aside, at most."""
    negatives: int = 4
    """Retrieved passages that do not answer, for a question that has an answer."""
    unanswerable: int = 3
    """The same for one that has none."""
    swapped: float = 0.6
    """The share of the answerable questions that one is made from which only seems to be answered."""


@dataclass(frozen=True, slots=True, eq=False)
class _Passages:
    """The passages of a corpus by what is asked of them again and again."""

    all: tuple[Passage, ...]
    rows: dict[str, int]
    """Passage.id -> its row."""
    by_document: dict[str, list[int]]

    @classmethod
    def of(cls, passages: tuple[Passage, ...]) -> _Passages:
        by_document: dict[str, list[int]] = {}
        for row, passage in enumerate(passages):
            by_document.setdefault(passage.document.id, []).append(row)
        rows = {passage.id: row for row, passage in enumerate(passages)}
        return cls(passages, rows, by_document)

    def row(self, hit: Hit) -> int:
        return self.rows[hit.passage.id]


def examples(
    one: QuestionSet, held: frozenset[str], encoder: Encoder, making: Making, progress: Progress
) -> Iterator[Example]:
    """The examples of a set, question by question; documents in `held` are kept aside, and never seen in training."""
    learned = [question for question in one.questions if question.document.id not in held]
    measured = [question for question in one.questions if question.document.id in held]
    questions = sampled(learned, making.limit, making.seed) + sampled(measured, making.held_limit, making.seed)
    with tempfile.TemporaryDirectory(prefix="quoth-reader-") as folder:
        publish(Path(folder), one.documents, encoder, progress=progress)
        corpus = open_corpus(Path(folder), encoder)
        try:
            passages = _Passages.of(tuple(passages_of(one.documents, encoder)))
            for start in range(0, len(questions), _ENCODED_AT_ONCE):
                asked = questions[start : start + _ENCODED_AT_ONCE]
                encodings = encoder.encode_pieces([question.text for question in asked])
                for question, encoding in zip(asked, encodings, strict=True):
                    if not 0 < len(encoding.ids) <= _LONGEST_QUESTION:
                        continue
                    hits = corpus.search(Query(question.text, encoding), 4 * READ)
                    if question.document.id in held:
                        yield from _measured(question, hits[:READ], passages)
                    else:
                        # what a document held aside says is not learned from, not even as a negative
                        hits = [hit for hit in hits if hit.passage.document.id not in held]
                        yield from _learned(question, hits[: 2 * READ], passages, making)
        finally:
            corpus.close()


def _learned(question: Question, hits: Sequence[Hit], passages: _Passages, making: Making) -> Iterator[Example]:
    if not question.answers:
        for hit in hits[: making.unanswerable]:
            yield _example(question, passages.row(hit), hit.passage, Kind.UNANSWERABLE)
        return
    own = ((row, passages.all[row]) for row in passages.by_document[question.document.id])
    gold = [example for row, passage in own if (example := _example(question, row, passage, Kind.ANSWERS)).answers]
    yield from gold[:_GOLD]
    misleading = (hit for hit in hits if not answers_in(question, hit.passage))
    for hit in islice(misleading, making.negatives):
        yield _example(question, passages.row(hit), hit.passage, Kind.RETRIEVED)
    chooser = random.Random(f"{making.seed} {question.text}")
    if gold and chooser.random() < making.swapped:
        passage = gold[0].text
        ways = [
            swap(question.text, passage, question.document.text, chooser),
            contrary(question.text, passage, chooser),
        ]
        text = chooser.choice([way for way in ways if way is not None] or [None])
        if text is not None:
            yield _example(Question(text, question.document, ()), gold[0].row, gold[0].passage, Kind.SWAPPED)


def _measured(question: Question, hits: Sequence[Hit], passages: _Passages) -> Iterator[Example]:
    for hit in hits:
        yield _example(question, passages.row(hit), hit.passage, Kind.HELD)


def answers_in(question: Question, passage: Passage) -> bool:
    """Whether `passage` may answer: it touches a place that does, or holds the words of one."""
    document = question.document
    if passage.document.id == document.id and any(passage.span.overlaps(span) for span in question.answers):
        return True
    text = passage.text.casefold()
    return any(document[span].casefold() in text for span in question.answers)


def _example(question: Question, row: int, passage: Passage, kind: Kind) -> Example:
    framed = Framed.of(passage)
    same = passage.document.id == question.document.id
    spans = [span for span in question.answers if same and framed.place(span) is not None]
    readable = [(n, sentence.span) for n, sentence in enumerate(passage.sentences) if not sentence.heading]
    inside = [span for span in spans if any(sentence.overlaps(span) for _, sentence in readable)]
    return Example(
        question=question.text,
        row=row,
        passage=passage,
        text=framed.text,
        answers=tuple(place for span in inside if (place := framed.place(span))),
        sentences=tuple(n for n, sentence in readable if any(sentence.overlaps(span) for span in inside)),
        kind=kind,
        answerable=bool(question.answers),
    )
