"""Misses: the questions answered wrong, by kind, with the passages to show."""

from collections.abc import Mapping
from typing import Any

from eval.measures.measures import Measured
from eval.measures.types import Case
from eval.questions.data import Gold
from eval.questions.documents import Documents, sentences_at
from index.types import Document, Span
from rag.types import Turn

Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces: (text, whether it is marked)."""

KINDS: Mapping[str, str] = {
    "Not in the documents, yet answered": "The question is unanswerable and should have been left unanswered.",
    "The wrong place": "It was answered, and none of the excerpts shown holds gold.",
    "Another excerpt came first": "Gold was shown, below an excerpt that does not hold it.",
    "Left unanswered": "The documents answer it. The excerpts shown are the closest, labelled as no answers.",
}
"""Kind of miss -> what it means."""


def find_misses(measured: Measured) -> dict[str, list[Case]]:
    """Kind -> its misses, in the order of KINDS and of the questions; without kinds that did not occur."""
    misses: dict[str, list[Case]] = {kind: [] for kind in KINDS}
    for case in measured.cases:
        if kind := kind_of(case):
            misses[kind].append(case)
    return {kind: cases for kind, cases in misses.items() if cases}


def kind_of(case: Case) -> str | None:
    """The kind of miss, one of KINDS; None if the answer is right, or if it is not known whether it is right."""
    unanswerable, wrong, below, unanswered = KINDS
    if not case.answered:
        return unanswered if case.question.answerable else None
    if not case.question.answerable:
        return unanswerable
    if not case.judged or case.is_hit(1):
        return None
    return below if case.is_hit(len(case.shown)) else wrong


def highlighted(case: Case, excerpt: Mapping[str, Any]) -> Pieces:
    """An excerpt shown, with its highlight marked."""
    document = case.documents.by_row_id[excerpt["document_id"]]
    return _pieces(document, Span(excerpt["start"], excerpt["end"]), Span(*excerpt["highlight"]))


def in_sentences(case: Case, gold: Gold) -> Pieces:
    """The sentences that contain gold, with the gold marked."""
    document = case.documents.by_row_id[gold.document_id]
    return _pieces(document, sentences_at(document, gold.span), gold.span)


def answer_text(turn: Turn, documents: Documents) -> str:
    """The text of an earlier answer; empty if the turn was not answered."""
    places = ((documents.by_row_id[documents.row_id(place.document_id)], place.span) for place in turn.shown)
    return " ".join(document[span] for document, span in places) or turn.answer


def _pieces(document: Document, whole: Span, marked: Span) -> Pieces:
    parts = ((Span(whole.start, marked.start), False), (marked, True), (Span(marked.end, whole.end), False))
    return tuple((document[span], mark) for span, mark in parts if len(span))
