"""The JSON shape of an answer: a row of an evaluation, of `quoth ask --json` and of the API, with every key described.

The API's OpenAPI document is made from these shapes, and so are the tables in rag/README.md
(python tests/row_tables.py).
"""

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, TypeVar, cast

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from index.types import Hit, Span
from rag.receipt import Receipt
from rag.text_fragment import linked
from rag.types import Answer, Citation, Excerpt, Reading, Status

VERSION: Literal[1] = 1
"""Raised if a key changes its meaning or goes; a new key does not raise it."""


def about(description: str, **limits: Any) -> Any:
    """The description of a key, and the limits of its value."""
    return Field(description=description, **limits)


T = TypeVar("T")
DocumentId = Annotated[str, about("The sha256, in hexadecimal, of the document's text; in an evaluation its doc_id.")]
Start = Annotated[int, about("The first character: its offset, in Unicode code points from 0, in the text.", ge=0)]
End = Annotated[int, about("The offset, in Unicode code points from 0, just after the last character.", ge=0)]
Text = Annotated[str, about("The document's text from start to end, to the character.")]
Title = Annotated[str, about("The document's title.")]
Source = Annotated[str | None, about("The path or URL of the document; null if unknown.")]
Edition = Annotated[str, about("The name of the edition of the corpus that was asked.")]
_Heading = Annotated[str, about("The heading above it; empty if there is none.")]
_Citations = Annotated[list[T], about("The excerpts that answer, best first; empty if unanswered.")]
_Closest = Annotated[list[T], about("If unanswered, the nearest excerpts, best first. They are not answers.")]
_HIGHLIGHT = "The words that answer: their start and end in the document's text, in the same units as start and end."


@with_config(ConfigDict(extra="forbid"))
class Shape(TypedDict):
    """A JSON object that has exactly the keys of its class."""


class PlaceJson(Shape):
    """A half-open range of a document's text."""

    document_id: DocumentId
    start: Start
    end: End


class ExcerptJson(PlaceJson):
    """A place and its words."""

    text: Text
    highlight: Annotated[list[int], about(_HIGHLIGHT, min_length=2, max_length=2)]


class ReceiptJson(Shape):
    """The data that checks a citation later. Send it to `verify` as it is."""

    document_sha256: Annotated[str, about("The sha256, in hexadecimal, of the document's text in UTF-8.")]
    start: Start
    end: End
    quote: Text
    prefix: Annotated[str, about("The text just before start: up to 32 Unicode code points.")]
    suffix: Annotated[str, about("The text from end on: up to 32 Unicode code points.")]
    edition: Edition


class CitationJson(ExcerptJson):
    """An excerpt, and how to find it."""

    number: Annotated[int, about("Its number in the list, from 1.")]
    title: Title
    heading: _Heading
    paragraph: Annotated[int, about("The number, from 1, of its paragraph in the document.")]
    source: Source
    link: Annotated[str | None, about("The document's URL with a text fragment that marks it; null without a URL.")]
    score: Annotated[float, about("The reader's score of its best sentence: higher is better, also across questions.")]
    receipt: Annotated[ReceiptJson, about("The receipt of this citation.")]


class AnswerJson(Shape):
    """The keys of every answer."""

    version: Annotated[Literal[1], about("The version of this shape.")]
    id: Annotated[str, about("The question's id in an evaluation; elsewhere the answer's id, which feedback names.")]
    status: Annotated[Status, about("Whether the documents answer the question, at the accepted risk.")]
    confidence: Annotated[float, about("Calibrated probability, 0 to 1, that the best excerpt answers.", ge=0, le=1)]
    retrieved: Annotated[list[PlaceJson], about("The passages that the search found, best first.")]
    searched_for: Annotated[list[str], about("The stand-alone forms of the question, the chosen one first.")]
    searched_in: Annotated[list[DocumentId], about("The only documents searched for the first form; empty: all were.")]
    ms: Annotated[dict[str, float], about("Milliseconds by stage: retrieve, read, total.")]
    edition: Edition


class Row(AnswerJson):
    """A row of an evaluation."""

    citations: _Citations[ExcerptJson]
    closest: _Closest[ExcerptJson]
    refused: NotRequired[Annotated[str, about("Only if the question cannot be asked: the reason.")]]


class FeatureJson(Shape):
    """A number that the confidence is computed from."""

    name: Annotated[str, about("The name of the feature.")]
    value: Annotated[float, about("Its value for this form.")]
    weight: Annotated[float | None, about("Its weight; null if the calibration does not know it.")]
    contribution: Annotated[float, about("Weight times value; 0 if there is no weight.")]


class PassageJson(PlaceJson):
    """A passage that the search found."""

    title: Title
    heading: _Heading
    rank: Annotated[int, about("Its rank, from 1.")]
    score: Annotated[float, about("The score that ranks it, 0 to 1: the re-ranker's, or else the fused one.")]
    found_by: Annotated[dict[str, float], about("Scores by searcher: dense (inner product), lexical (BM25), reranker.")]


class SentenceJson(ExcerptJson):
    """A sentence that the reader scored."""

    score: Annotated[float, about("The reader's score: higher is better.")]
    rank: Annotated[int, about("The rank, from 1, of its passage.")]


class FormJson(Shape):
    """A stand-alone form of the question. Its confidence is 1 / (1 + exp(-logit)); the logit is the bias plus all
    contributions, clipped to -50 and 50."""

    searched_for: Annotated[str, about("The form.")]
    searched_in: Annotated[list[DocumentId], about("The only documents searched for this form; empty: all were.")]
    confidence: Annotated[float, about("Calibrated probability, 0 to 1, that its best sentence answers.")]
    bias: Annotated[float | None, about("The logit without any feature; null if there is no calibration.")]
    features: Annotated[list[FeatureJson], about("The numbers that the confidence is computed from.")]
    passages: Annotated[list[PassageJson], about("The passages that the search found, best first.")]
    sentences: Annotated[list[SentenceJson], about("The sentences that the reader scored, best first.")]


class WhyJson(Shape):
    """The reasons for an answer, or for there being none. Every number is finite."""

    risk: Annotated[float, about("The accepted share of wrong answers, 0 to 1.")]
    threshold: Annotated[float | None, about("The least confidence that is answered at this risk; null: none is.")]
    forms: Annotated[list[FormJson], about("The stand-alone forms that were searched for, the chosen one first.")]


class DetailedRow(AnswerJson):
    """A row of `quoth ask --json`, of the API and of MCP. It has the keys of a row of an evaluation, and these."""

    question: Annotated[str, about("The question as it was asked.")]
    citations: _Citations[CitationJson]
    closest: _Closest[CitationJson]
    why: NotRequired[Annotated[WhyJson, about("Only if it was asked for: the reasons for the answer.")]]


def row_of(answer: Answer, *, id: str, document_id: Callable[[str], str] = lambda id: id) -> Row:
    """The row of one answer; `document_id` turns a Document.id into the name that the row gives it."""

    return {
        "version": VERSION,
        "id": id,
        "status": answer.status,
        "confidence": round(answer.confidence, 6),
        "citations": [_excerpt(citation, document_id) for citation in answer.citations],
        "closest": [_excerpt(citation, document_id) for citation in answer.closest],
        "retrieved": [_place(document_id(hit.passage.document.id), hit.passage.span) for hit in answer.retrieved],
        "searched_for": list(answer.searched_for),
        "searched_in": [document_id(id) for id in answer.judgements[0].form.documents],
        "ms": {stage: round(value, 3) for stage, value in answer.ms.items()},
        "edition": answer.edition,
    }


def row_without_answer(*, id: str, edition: str) -> Row:
    """The row of a question for which nothing was searched."""
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
    }


def detailed_row_of(answer: Answer, *, id: str, why: bool = False) -> DetailedRow:
    """The row of one answer for a person or a page; `why` adds the reasons."""
    details = {
        "citations": [_citation(citation, answer.edition) for citation in answer.citations],
        "closest": [_citation(citation, answer.edition) for citation in answer.closest],
    }
    reasons = {"why": why_of(answer)} if why else {}
    # citations and closest keep their places in the row
    return cast(DetailedRow, {"question": answer.question, **row_of(answer, id=id), **details, **reasons})


def why_of(answer: Answer) -> WhyJson:
    """The reasons for an answer, or for there being none."""
    return {
        "risk": answer.risk,
        "threshold": answer.threshold if math.isfinite(answer.threshold) else None,
        "forms": [
            {
                "searched_for": judgement.form.text,
                "searched_in": list(judgement.form.documents),
                "confidence": judgement.confidence,
                "bias": judgement.bias,
                "features": [
                    {"name": name, "value": part.value, "weight": part.weight, "contribution": part.weight * part.value}
                    for name, part in judgement.contributions.items()
                ],
                "passages": [passage_of(hit) for hit in judgement.hits],
                "sentences": [
                    {**_excerpt(reading), "score": reading.score, "rank": reading.hit.rank}
                    for reading in judgement.readings
                ],
            }
            for judgement in answer.judgements
        ],
    }


def _citation(citation: Citation, edition: str) -> CitationJson:
    document = citation.excerpt.document
    return {
        **_excerpt(citation),
        "number": citation.number,
        "title": document.title,
        "heading": citation.heading,
        "paragraph": citation.paragraph,
        "source": document.source,
        "link": linked(document, citation.excerpt.span),
        "score": round(citation.score, 6),
        "receipt": cast(ReceiptJson, Receipt.of(citation, edition).to_json()),
    }


def passage_of(hit: Hit) -> PassageJson:
    """The shape of a passage that the search found."""
    return {
        **_place(hit.passage.document.id, hit.passage.span),
        "title": hit.passage.document.title,
        "heading": hit.passage.heading,
        "rank": hit.rank,
        "score": hit.score,
        "found_by": dict(hit.found_by),
    }


def _place(document_id: str, span: Span) -> PlaceJson:
    return {"document_id": document_id, "start": span.start, "end": span.end}


def _excerpt(marked: Citation | Reading, document_id: Callable[[str], str] = lambda id: id) -> ExcerptJson:
    return excerpt_of(marked.excerpt, marked.highlight, document_id(marked.excerpt.document.id))


def excerpt_of(excerpt: Excerpt, highlight: Span, document_id: str) -> ExcerptJson:
    """The shape of an excerpt; `highlight` is in the document's offsets."""
    return {**_place(document_id, excerpt.span), "text": excerpt.text, "highlight": [highlight.start, highlight.end]}
