"""The shapes of what the API takes and gives, as its OpenAPI document describes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from rag.answer import LONGEST_QUESTION
from rag.receipt import LONGEST_SOUGHT

MOST_TURNS = 50
"""How much of a conversation can be sent along with a question."""
MOST_RECEIPTS = 100
MOST_QUOTED = 40_000
"""Characters of the quotes of receipts that are verified at once. What is quoted is a few sentences: MOST_RECEIPTS of
them have half as many, and seldom more. How long verifying takes follows from it."""
MOST_DOCUMENTS = 100
LONGEST_COMMENT = 2000

Offset = Annotated[int, Field(ge=0, description="In Unicode code points, from 0; ranges are half-open.")]
Share = Annotated[float, Field(ge=0, le=1)]


class Taken(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Given(BaseModel):
    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)


class TurnBody(Taken):
    """An earlier question of the conversation, and what was answered."""

    question: str
    answer: str = Field("", description="The excerpts that were shown, joined by a space; empty where there were none.")


class AskBody(Taken):
    # said here and checked where questions are, with a better word for it
    question: Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": LONGEST_QUESTION})]
    history: Annotated[list[TurnBody], Field(max_length=MOST_TURNS, description="The oldest turn first.")] = []
    risk: Annotated[
        float | None,
        Field(strict=True, ge=0, le=1, description="The share of wrong answers to bear; else the server's."),
    ] = None
    why: StrictBool = Field(False, description="Whether to say what the answer, or there being none, comes from.")


class ReceiptBody(Given):
    """What is needed to check a citation later; send it to verify as it is."""

    document_sha256: str
    start: Offset
    end: Offset
    quote: str
    prefix: str
    suffix: str
    edition: str


class VerifyBody(Taken):
    receipts: Annotated[
        list[ReceiptBody],
        Field(
            min_length=1,
            max_length=MOST_RECEIPTS,
            description=f"Their quotes have at most {MOST_QUOTED:,} characters in all.",
        ),
    ]


class FeedbackBody(Taken):
    id: Annotated[str, Field(max_length=64, description="The id of the answer.")]
    verdict: Literal["up", "down"]
    comment: Annotated[str, Field(max_length=LONGEST_COMMENT)] = ""


class SessionBody(Taken):
    token: Annotated[str, Field(max_length=8192, description="An embed token that the host's server signed.")]


class Place(Given):
    document_id: Annotated[str, Field(description="sha256 of the document's text in UTF-8.")]
    start: Offset
    end: Offset


class CitationBody(Place):
    text: Annotated[str, Field(description="The document's text from start to end, to the character.")]
    highlight: Annotated[
        tuple[int, int], Field(description="The words of it that answer: a range of the document's text.")
    ]
    number: int
    title: str
    heading: str
    paragraph: int
    score: float
    source: Annotated[str | None, Field(description="The path or URL of the document.")]
    link: Annotated[str | None, Field(description="The document's URL with a text fragment that marks the excerpt.")]
    receipt: ReceiptBody


class AnswerBody(Given):
    version: Literal[1]
    id: Annotated[str, Field(description="By which feedback names the answer.")]
    question: str
    status: Literal["answered", "unanswered"]
    confidence: Annotated[Share, Field(description="Calibrated probability that the best excerpt answers.")]
    citations: Annotated[list[CitationBody], Field(description="The excerpts that answer, the best first.")]
    closest: Annotated[
        list[CitationBody], Field(description="Where unanswered: the nearest excerpts, which are no answers.")
    ]
    retrieved: Annotated[list[Place], Field(description="The passages found, the best first.")]
    searched_for: Annotated[
        list[str], Field(description="The stand-alone forms of the question that were searched for; the first counts.")
    ]
    ms: Annotated[dict[str, float], Field(description="Milliseconds by stage: retrieve, read, total.")]
    edition: Annotated[str, Field(description="The state of the corpus that was asked.")]
    why: Annotated[
        dict[str, Any] | None, Field(description="Where asked for: passages, scores and features behind the answer.")
    ] = None


class DocumentBody(Given):
    id: str
    title: str
    source: str | None
    date: str | None
    language: str


class WholeDocumentBody(DocumentBody):
    text: str


class DocumentsBody(Given):
    documents: list[DocumentBody]
    next: Annotated[str | None, Field(description="What to send as after for the next ones; null: there are none.")]


class ChangeBody(Given):
    kind: Literal["same", "removed", "added"]
    text: str


class VerdictBody(Given):
    """valid: it stands there still; moved: elsewhere; changed: close words do; gone: none do."""

    status: Annotated[
        Literal["valid", "moved", "changed", "gone"],
        Field(
            description=f"For a quote of more than {LONGEST_SOUGHT:,} characters close words are not sought: it is "
            "gone where it stands nowhere to the letter."
        ),
    ]
    document_id: str | None = None
    title: str | None = None
    start: Offset | None = None
    end: Offset | None = None
    text: str | None = None
    changes: list[ChangeBody] | None = None


class VerdictsBody(Given):
    verdicts: Annotated[list[VerdictBody], Field(description="In the order of the receipts.")]


class StatusBody(Given):
    edition: str
    documents: Annotated[int, Field(description="How many of them you may read.")]
    passages: int


class TokenBody(Given):
    token: Annotated[str, Field(description="To be sent as Authorization: Bearer.")]
    expires_in: Annotated[int, Field(description="Seconds.")]


class ProblemBody(Given):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
