"""The JSON shape of an answer: a row of an evaluation and of `--json`, one and the same, versioned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from index.errors import QuestionError
from index.types import Document, Span
from rag.receipt import Receipt
from rag.types import Answer, Citation

VERSION = 1
"""Raised when a key changes its meaning or goes; keys may be added without."""


def row_of(
    answer: Answer, *, id: str, document_id: Callable[[Document], str] = lambda document: document.id
) -> dict[str, Any]:
    """The row of one answer.

    version       1
    id            the question's id
    status        "answered" or "unanswered"
    confidence    calibrated probability, 0 to 1, that the best excerpt answers
    citations     best first; empty where unanswered; each {document_id, start, end, text, highlight}:
                  text is document.text[start:end]; start, end and both numbers of highlight are half-open
                  offsets, in Unicode code points, into the document's text
    closest       the same shape, where unanswered: the nearest excerpts, which are not answers
    retrieved     the passages found, best first: {document_id, start, end}
    searched_for  the stand-alone forms of the question that were searched for
    ms            milliseconds by stage: retrieve, read, total
    edition       the edition that was asked
    """

    def place(document: Document, span: Span) -> dict[str, Any]:
        return {"document_id": document_id(document), "start": span.start, "end": span.end}

    def cited(citation: Citation) -> dict[str, Any]:
        excerpt = citation.excerpt
        return {
            **place(excerpt.document, excerpt.span),
            "text": excerpt.text,
            "highlight": [citation.highlight.start, citation.highlight.end],
        }

    return {
        "version": VERSION,
        "id": id,
        "status": answer.status,
        "confidence": round(answer.confidence, 6),
        "citations": [cited(citation) for citation in answer.citations],
        "closest": [cited(citation) for citation in answer.closest],
        "retrieved": [place(hit.passage.document, hit.passage.span) for hit in answer.retrieved],
        "searched_for": list(answer.searched_for),
        "ms": {stage: round(value, 3) for stage, value in answer.ms.items()},
        "edition": answer.edition,
    }


def refused_row_of(error: QuestionError, *, id: str, edition: str) -> dict[str, Any]:
    """The row of a question that cannot be asked: unanswered, nothing searched for, and "refused" says why."""
    return {
        "version": VERSION,
        "id": id,
        "status": "unanswered",
        "confidence": 0.0,
        "citations": [],
        "closest": [],
        "retrieved": [],
        "searched_for": [],
        "ms": {},
        "edition": edition,
        "refused": str(error),
    }


def detailed_row_of(answer: Answer, *, id: str) -> dict[str, Any]:
    """The row of one answer with what a person or a page needs besides: the keys of row_of, the question, and in each
    of citations and closest also number, title, heading, paragraph, score and receipt (see rag.receipt)."""
    row = row_of(answer, id=id)
    for key, citations in (("citations", answer.citations), ("closest", answer.closest)):
        row[key] = [
            shown
            | {
                "number": citation.number,
                "title": citation.excerpt.document.title,
                "heading": citation.heading,
                "paragraph": citation.paragraph,
                "score": round(citation.score, 6),
                "receipt": Receipt.of(citation, answer.edition).to_json(),
            }
            for shown, citation in zip(row[key], citations, strict=True)
        ]
    return {"question": answer.question, **row}
