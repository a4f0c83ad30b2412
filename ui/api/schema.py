"""The JSON that the API takes and gives, as its OpenAPI document describes it; the shape of an answer is rag.row's."""

from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from rag.answer import LONGEST_QUESTION
from rag.receipt import LONGEST_SOUGHT
from rag.row import DetailedRow, DocumentId, Edition, End, ReceiptJson, Shape, Source, Start, Text, Title, about
from ui.service import MOST_QUOTED

MOST_TURNS = 50
"""Earlier turns of a conversation in one request."""
MOST_RECEIPTS = 100
"""Receipts in one request."""
MOST_DOCUMENTS = 1000
"""Documents in one part of their list."""


class Taken(BaseModel):
    """The body of a request. An unknown key is refused."""

    model_config = ConfigDict(extra="forbid")


class TurnBody(Taken):
    """An earlier question of the conversation, and its answer."""

    question: Annotated[str, about("The question as it was asked.")]
    answer: Annotated[str, about("The excerpts that were shown, joined by a space; empty if unanswered.")] = ""
    documents: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        about(
            "The document_id of each excerpt. A short follow-up question is searched for in these documents too.",
            max_length=20,
        ),
    ] = []


class AskBody(Taken):
    """A question."""

    # described here, but checked by the answerer, which has the better message
    question: Annotated[
        str,
        about(
            "The question in plain language. After earlier turns it may be a short follow-up.",
            json_schema_extra={"minLength": 1, "maxLength": LONGEST_QUESTION},
        ),
    ]
    history: Annotated[list[TurnBody], about("The earlier turns, oldest first.", max_length=MOST_TURNS)] = []
    risk: Annotated[
        float | None,
        about("The accepted share of wrong answers, 0 to 1; without it the server's.", strict=True, ge=0, le=1),
    ] = None
    why: Annotated[StrictBool, about("Whether to give the reasons for the answer, under the key why.")] = False


class VerifyBody(Taken):
    """Receipts of earlier citations."""

    receipts: Annotated[
        list[ReceiptJson],
        about(f"Their quotes have at most {MOST_QUOTED:,} characters in all.", min_length=1, max_length=MOST_RECEIPTS),
    ]


class FeedbackBody(Taken):
    """A person's judgement of an answer. The last one counts."""

    id: Annotated[str, about("The id of the answer.", max_length=64)]
    verdict: Annotated[Literal["up", "down"], about("up: it helped; down: it did not.")]
    comment: Annotated[str, about("The reason, for the keepers of the documents.", max_length=2000)] = ""


class SessionBody(Taken):
    """A request for a session of the widget."""

    token: Annotated[str, about("An embed token that the host's server signed.", max_length=8192)]


class AnswerBody(DetailedRow):
    """The answer to a question: excerpts of documents, or none."""

    feedback: Annotated[bool, about("Whether you may give feedback on this answer, and it is kept here.")]


class DocumentBody(Shape):
    """A document without its text."""

    id: DocumentId
    title: Title
    source: Source
    date: Annotated[str | None, about("ISO 8601, such as 2024, 2024-06 or 2024-06-18; null if unknown.")]
    language: Annotated[str, about("ISO 639-1, such as en.")]


class WholeDocumentBody(DocumentBody):
    """A document with its text."""

    text: Annotated[str, about("The whole text, unchanged: offsets count its Unicode code points.")]


class DocumentsBody(Shape):
    """A part of the list of documents."""

    documents: Annotated[list[DocumentBody], about("In the order in which they were indexed.")]
    next: Annotated[str | None, about("There are more: send it as after to get them; null if there are none.")]


class ChangeBody(Shape):
    """A run of text of the quote, of the document, or of both."""

    kind: Annotated[
        Literal["same", "removed", "added"],
        about("same: both have it; removed: only the quote; added: only the document."),
    ]
    text: Annotated[str, about("The text of the run, unchanged.")]


class VerdictBody(Shape):
    """The result for one receipt. A quote that is gone has only its status."""

    status: Annotated[
        Literal["valid", "moved", "changed", "gone"],
        about(
            "valid: the quote is at its place; moved: it is elsewhere; changed: similar words are there; gone: neither "
            f"was found. Similar words are looked for only if the quote has at most {LONGEST_SOUGHT:,} characters."
        ),
    ]
    document_id: NotRequired[DocumentId]
    title: NotRequired[Title]
    start: NotRequired[Start]
    end: NotRequired[End]
    text: NotRequired[Text]
    changes: NotRequired[
        Annotated[list[ChangeBody], about("The runs, in order, that turn the quote into the text; empty if equal.")]
    ]


class VerdictsBody(Shape):
    """The results of verifying."""

    verdicts: Annotated[list[VerdictBody], about("In the order of the receipts.")]


class StatusBody(Shape):
    """The corpus, as far as you may read it."""

    edition: Edition
    documents: Annotated[int, about("The number of documents.")]
    passages: Annotated[int, about("The number of passages: runs of sentences that a search finds.")]


class TokenBody(Shape):
    """A session of the widget."""

    token: Annotated[str, about("The token to send as Authorization: Bearer.")]
    expires_in: Annotated[int, about("Seconds for which it is valid.")]


class ProblemBody(Shape):
    """Problem details (RFC 9457)."""

    type: Annotated[str, about("about:blank: the status says which kind of problem it is.")]
    title: Annotated[str, about("The status in words.")]
    status: Annotated[int, about("The HTTP status.")]
    detail: Annotated[str, about("The problem in one line, for the person who asked.")]
