"""The questions that went wrong, by kind, with the excerpts shown and the gold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eval.measures.measures import Measured
from eval.measures.types import Case
from eval.questions.data import Question
from eval.questions.documents import Documents, sentences_at
from index.types import Document, Span

Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces, each with whether it is marked."""

KINDS: Mapping[str, str] = {
    "Not in the documents, yet answered": "The question is unanswerable and should have been left unanswered.",
    "The wrong place": "It was answered, and none of the excerpts shown holds gold.",
    "Another excerpt came first": "Gold was shown, below an excerpt that does not hold it.",
    "Left unanswered": "The documents answer it. The excerpts shown are the closest, labelled as no answers.",
}
"""Kind of miss -> what it means."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """A stretch of a document with some of its words marked."""

    document: Document
    document_id: str
    pieces: Pieces
    gold: bool
    """Whether it holds gold."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A question that went wrong."""

    question: Question
    confidence: float | None
    """None if there is no row."""
    searched_for: tuple[str, ...]
    """The forms that were searched for, without the question itself."""
    shown: tuple[Quoted, ...]
    gold: tuple[Quoted, ...]
    """Each gold span in the sentences that it stands in."""


def find_misses(measured: Measured) -> dict[str, list[Miss]]:
    """Kind -> its misses, in the order of KINDS and of the questions; without kinds that did not occur."""
    misses: dict[str, list[Miss]] = {kind: [] for kind in KINDS}
    for case in measured.cases:
        if kind := kind_of(case):
            misses[kind].append(_miss(case))
    return {kind: some for kind, some in misses.items() if some}


def kind_of(case: Case) -> str | None:
    """The kind of miss, one of KINDS; None if the answer is right, or if nothing tells whether it is."""
    unanswerable, wrong, below, unanswered = KINDS
    if not case.answered:
        return unanswered if case.question.answerable else None
    if not case.question.answerable:
        return unanswerable
    if not case.judged or case.is_hit(1):
        return None
    return below if case.is_hit(len(case.shown)) else wrong


def _miss(case: Case) -> Miss:
    question, row, documents = case.question, case.row or {}, case.documents
    shown = (
        _quoted(
            excerpt["document_id"],
            Span(excerpt["start"], excerpt["end"]),
            Span(*excerpt["highlight"]),
            documents,
            gold=case.holds_gold(excerpt),
        )
        for excerpt in case.shown
    )
    gold = (
        _quoted(
            gold.document_id,
            sentences_at(documents.by_row_id[gold.document_id], gold.span),
            gold.span,
            documents,
            gold=True,
        )
        for gold in question.gold
    )
    searched_for = tuple(form for form in row.get("searched_for", ()) if form != question.text)
    return Miss(question, row.get("confidence"), searched_for, tuple(shown), tuple(gold))


def _quoted(document_id: str, whole: Span, marked: Span, documents: Documents, *, gold: bool) -> Quoted:
    document = documents.by_row_id[document_id]
    before, after = Span(whole.start, marked.start), Span(marked.end, whole.end)
    pieces = ((document[before], False), (document[marked], True), (document[after], False))
    return Quoted(document, document_id, tuple(piece for piece in pieces if piece[0]), gold)
