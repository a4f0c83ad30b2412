"""The JSON shape of an answer: a row of an evaluation and of `--json`, one and the same, versioned."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from index.errors import QuestionError
from index.types import Document, Hit, Span
from rag.receipt import Receipt
from rag.text_fragment import linked
from rag.types import Answer, Citation, Judgement, Reading

VERSION = 1
"""Raised when a key changes its meaning or goes; keys may be added without."""


def row_of(answer: Answer, *, id: str, document_id: Callable[[str], str] = lambda id: id) -> dict[str, Any]:
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
    searched_in   the ids of the documents in which alone the first of them was searched for; empty: in all
    ms            milliseconds by stage: retrieve, read, total
    edition       the edition that was asked
    """

    def place(document: Document, span: Span) -> dict[str, Any]:
        return {"document_id": document_id(document.id), "start": span.start, "end": span.end}

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
        "searched_in": [document_id(id) for id in answer.judgements[0].form.documents],
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
        "searched_in": [],
        "ms": {},
        "edition": edition,
        "refused": str(error),
    }


def detailed_row_of(answer: Answer, *, id: str, why: bool = False) -> dict[str, Any]:
    """The row of one answer with what a person or a page needs besides: the keys of row_of, the question, and in each
    of citations and closest also number, title, heading, paragraph, source (the document's path or URL), link (that URL
    with a text fragment, see rag.text_fragment; null where it is none), score and receipt (see rag.receipt); with
    `why`, under that key, also what the answer or there being none comes from (see why_of)."""
    row = row_of(answer, id=id)
    for key, citations in (("citations", answer.citations), ("closest", answer.closest)):
        row[key] = [
            shown
            | {
                "number": citation.number,
                "title": citation.excerpt.document.title,
                "heading": citation.heading,
                "paragraph": citation.paragraph,
                "source": citation.excerpt.document.source,
                "link": linked(citation.excerpt.document, citation.excerpt.span),
                "score": round(citation.score, 6),
                "receipt": Receipt.of(citation, answer.edition).to_json(),
            }
            for shown, citation in zip(row[key], citations, strict=True)
        ]
    return {"question": answer.question, **row} | ({"why": why_of(answer)} if why else {})


def why_of(answer: Answer) -> dict[str, Any]:
    """What an answer, or there being none, comes from; every number in it is finite.

    risk            the share of wrong answers, 0 to 1, that was borne
    threshold       the least confidence that counts as answered with this risk; null where none does
    forms           of each stand-alone form that was searched for, the one first that was taken:
      searched_for  the form
      searched_in   the ids of the documents in which alone it was searched for; empty: in all
      confidence    calibrated probability, 0 to 1, that its best sentence answers: 1 / (1 + exp(-logit)), the logit
                    being the bias and all contributions together, held between -50 and 50
      bias          what the logit is before any feature; null where nothing was calibrated, as for a baseline
      features      what the confidence was reckoned from (see rag.calibration.features): {name, value, weight,
                    contribution}; weight is null and contribution 0 where the calibration does not know the feature,
                    and contribution otherwise weight times value
      passages      the passages found, best first: {document_id, start, end, title, heading, rank, score, found_by};
                    score is what ranks them: 0 to 1, the searchers' fused or, where there is a re-ranker, its own;
                    found_by is each searcher that found it with its own score: dense (inner product), lexical (BM25)
                    and, where there is one, reranker
      sentences     the sentences that the reader handed on, best first: {document_id, start, end, text, highlight,
                    score, rank}; as in citations, with the reader's score and the rank of the passage it is in
    """
    return {
        "risk": answer.risk,
        "threshold": answer.threshold if math.isfinite(answer.threshold) else None,
        "forms": [_form(judgement) for judgement in answer.judgements],
    }


def _form(judgement: Judgement) -> dict[str, Any]:
    return {
        "searched_for": judgement.form.text,
        "searched_in": list(judgement.form.documents),
        "confidence": judgement.confidence,
        "bias": judgement.bias,
        "features": [
            {"name": name, "value": part.value, "weight": part.weight, "contribution": part.weight * part.value}
            for name, part in judgement.contributions.items()
        ],
        "passages": [passage_of(hit) for hit in judgement.hits],
        "sentences": [_sentence(reading) for reading in judgement.readings],
    }


def passage_of(hit: Hit) -> dict[str, Any]:
    """One of the passages of why_of."""
    passage = hit.passage
    return {
        "document_id": passage.document.id,
        "start": passage.span.start,
        "end": passage.span.end,
        "title": passage.document.title,
        "heading": passage.heading,
        "rank": hit.rank,
        "score": hit.score,
        "found_by": dict(hit.found_by),
    }


def _sentence(reading: Reading) -> dict[str, Any]:
    excerpt = reading.excerpt
    return {
        "document_id": excerpt.document.id,
        "start": excerpt.span.start,
        "end": excerpt.span.end,
        "text": excerpt.text,
        "highlight": [reading.highlight.start, reading.highlight.end],
        "score": reading.score,
        "rank": reading.hit.rank,
    }
