"""The questions that went wrong, by kind, with what was shown and what should have been."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eval.measures.measures import Measured, Row, holds, shown
from eval.questions.data import Gold, Question
from eval.questions.documents import Documents, sentences_at
from index.types import Document, Span

Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces, each with whether it is marked."""

KINDS: Mapping[str, str] = {
    "Not in the documents, yet answered": "The question is unanswerable and should have been left unanswered.",
    "The wrong place": "It was answered, and none of the excerpts shown holds gold.",
    "Another excerpt came first": "Gold was shown, below an excerpt that does not hold it.",
    "Left unanswered": "The documents answer it. What was shown are the closest excerpts, labelled as no answers.",
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
    """None where there is no row."""
    searched_for: tuple[str, ...]
    """What was searched for, where that is not the question itself."""
    shown: tuple[Quoted, ...]
    gold: tuple[Quoted, ...]
    """Each gold span in the sentences that it stands in."""


def find_misses(measured: Measured, documents: Documents) -> dict[str, list[Miss]]:
    """Kind -> its misses, in the order of KINDS and of the questions; without kinds that did not occur."""
    found: dict[str, list[Miss]] = {kind: [] for kind in KINDS}
    for question in measured.questions:
        row = measured.rows.get(question.id)
        kind = kind_of(question, row)
        if kind is None:
            continue
        found[kind].append(
            Miss(
                question,
                None if row is None else row["confidence"],
                () if row is None else tuple(text for text in row["searched_for"] if text != question.text),
                tuple(_quote_excerpt(excerpt, question, documents) for excerpt in shown(row)),
                tuple(_quote_gold(gold, documents) for gold in question.gold),
            )
        )
    return {kind: misses for kind, misses in found.items() if misses}


def kind_of(question: Question, row: Row | None) -> str | None:
    """Which of KINDS a row is, or None where it is right or nothing tells."""
    unanswerable, wrong, below, unanswered = KINDS
    if row is None or row["status"] == "unanswered":
        return unanswered if question.answerable else None
    if not question.answerable:
        return unanswerable
    found = [holds(excerpt, question.gold) for excerpt in shown(row)]
    if not question.gold or found[0]:
        return None
    return below if any(found) else wrong


def _quote_excerpt(excerpt: Mapping[str, Any], question: Question, documents: Documents) -> Quoted:
    document = documents.by_row_id[excerpt["document_id"]]
    pieces = _pieces(document, Span(excerpt["start"], excerpt["end"]), Span(*excerpt["highlight"]))
    return Quoted(document, excerpt["document_id"], pieces, holds(excerpt, question.gold))


def _quote_gold(gold: Gold, documents: Documents) -> Quoted:
    document = documents.by_row_id[gold.document_id]
    pieces = _pieces(document, sentences_at(document, gold.span), gold.span)
    return Quoted(document, gold.document_id, pieces, True)


def _pieces(document: Document, whole: Span, marked: Span) -> Pieces:
    text = document.text
    pieces = (
        (text[whole.start : marked.start], False),
        (document[marked], True),
        (text[marked.end : whole.end], False),
    )
    return tuple(piece for piece in pieces if piece[0])
