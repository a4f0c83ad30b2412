"""The shapes of what the API takes and gives, as its OpenAPI document describes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from rag.answer import LONGEST_QUESTION
from rag.receipt import LONGEST_SOUGHT

MOST_TURNS = 50
MOST_ANSWERING = 20
"""Documents that the excerpts of one answer may be from."""
"""How much of a conversation can be sent along with a question."""
MOST_RECEIPTS = 100
MOST_QUOTED = 40_000
"""Characters of the quotes of receipts that are verified at once. What is quoted is a few sentences: MOST_RECEIPTS of
them have half as many, and seldom more. How long verifying takes follows from it."""
MOST_DOCUMENTS = 100
LONGEST_COMMENT = 2000

Start = Annotated[
    int, Field(ge=0, description="Where it begins in the document's text: an offset in Unicode code points, from 0.")
]
End = Annotated[
    int, Field(ge=0, description="Where it ends, half-open: the offset, in Unicode code points, of what comes next.")
]
Sha256 = Annotated[str, Field(description="sha256, in hexadecimal, of the document's text in UTF-8.")]
Title = Annotated[str, Field(description="The document's title.")]
Source = Annotated[str | None, Field(description="The path or URL of the document; null where it is not known.")]
Edition = Annotated[str, Field(description="The name of the state of the corpus that was asked.")]


class Taken(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Given(BaseModel):
    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)


class TurnBody(Taken):
    """An earlier question of the conversation, and what was answered."""

    question: Annotated[str, Field(description="As it was asked.")]
    answer: str = Field("", description="The excerpts that were shown, joined by a space; empty where there were none.")
    documents: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        Field(
            max_length=MOST_ANSWERING,
            description="The document_id of each of them: there too the question is then searched for, if it is short.",
        ),
    ] = []


class AskBody(Taken):
    # said here and checked where questions are, with a better word for it
    question: Annotated[
        str,
        Field(
            json_schema_extra={"minLength": 1, "maxLength": LONGEST_QUESTION},
            description="In plain language; with history it may be short, as people go on asking.",
        ),
    ]
    history: Annotated[list[TurnBody], Field(max_length=MOST_TURNS, description="The oldest turn first.")] = []
    risk: Annotated[
        float | None,
        Field(strict=True, ge=0, le=1, description="The share of wrong answers to bear; else the server's."),
    ] = None
    why: StrictBool = Field(False, description="Whether to say what the answer, or there being none, comes from.")


class ReceiptBody(Given):
    """What is needed to check a citation later; send it to verify as it is."""

    document_sha256: Sha256
    start: Start
    end: End
    quote: Annotated[str, Field(description="The excerpt: the document's text from start to end, to the character.")]
    prefix: Annotated[str, Field(description="What stands just before it: up to 32 Unicode code points.")]
    suffix: Annotated[str, Field(description="What stands just after it: up to 32 Unicode code points.")]
    edition: Annotated[str, Field(description="The name of the state of the corpus that the citation was made from.")]


class VerifyBody(Taken):
    """Receipts of citations that were given out earlier."""

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
    verdict: Annotated[
        Literal["up", "down"], Field(description="up: it helped; down: it did not. What is said last holds.")
    ]
    comment: Annotated[
        str, Field(max_length=LONGEST_COMMENT, description="Why, for whoever keeps the documents; may be empty.")
    ] = ""


class SessionBody(Taken):
    token: Annotated[str, Field(max_length=8192, description="An embed token that the host's server signed.")]


class Place(Given):
    """A range of a document's text."""

    document_id: Sha256
    start: Start
    end: End


class CitationBody(Place):
    """An excerpt of a document, and where it stands."""

    text: Annotated[str, Field(description="The document's text from start to end, to the character.")]
    highlight: Annotated[
        tuple[int, int],
        Field(
            description="The words of it that answer: from the first offset to before the second, in Unicode code "
            "points of the document's text, as start and end are."
        ),
    ]
    number: Annotated[int, Field(description="From 1, in the order of the list.")]
    title: Title
    heading: Annotated[str, Field(description="The heading that it stands under; empty where there is none.")]
    paragraph: Annotated[int, Field(description="The number, from 1, of its paragraph in the document.")]
    score: Annotated[
        float,
        Field(
            description="The reader's score of its best sentence: higher is better, also between questions. It is no "
            "probability: that is the answer's confidence."
        ),
    ]
    source: Source
    link: Annotated[
        str | None,
        Field(
            description="The document's URL with a text fragment that marks the excerpt; null where the source is no "
            "URL of the web."
        ),
    ]
    receipt: Annotated[ReceiptBody, Field(description="What verify takes, to check this citation later.")]


class AnswerBody(Given):
    """A question's answer: excerpts of documents, or that there is none."""

    version: Annotated[
        Literal[1], Field(description="That of this shape: another where a key changes its meaning or goes.")
    ]
    id: Annotated[str, Field(description="By which feedback names the answer.")]
    question: Annotated[str, Field(description="As it was asked.")]
    status: Annotated[
        Literal["answered", "unanswered"],
        Field(description="Whether the documents answer, with no more risk than is borne. If not, citations is empty."),
    ]
    confidence: Annotated[
        float, Field(ge=0, le=1, description="Calibrated probability, 0 to 1, that the best excerpt answers.")
    ]
    citations: Annotated[list[CitationBody], Field(description="The excerpts that answer, the best first.")]
    closest: Annotated[
        list[CitationBody], Field(description="Where unanswered: the nearest excerpts, which are no answers.")
    ]
    retrieved: Annotated[list[Place], Field(description="The passages found, the best first.")]
    searched_for: Annotated[
        list[str], Field(description="The stand-alone forms of the question that were searched for; the first counts.")
    ]
    searched_in: Annotated[
        list[Sha256],
        Field(description="The documents in which alone the first of them was searched for; empty: in all."),
    ]
    ms: Annotated[dict[str, float], Field(description="Milliseconds by stage: retrieve, read, total.")]
    edition: Edition
    feedback: Annotated[
        bool, Field(description="Whether you may say by feedback what you think of it, and that is kept here.")
    ]
    why: Annotated[
        dict[str, Any] | None,
        Field(
            description="Only where it was asked for. risk: the share of wrong answers borne, 0 to 1; threshold: the "
            "least confidence that counts as answered with it, null where none does; forms: for each form that was "
            "searched for its searched_for, searched_in, confidence (0 to 1), bias and features (the confidence "
            "is the logistic function of the bias and all contributions), passages (with rank, from 1, and score, "
            "higher is better, in all and by each searcher in found_by) and sentences (with the reader's score "
            "and the rank of their passage), both the best first and with ranges of Unicode code points as "
            "citations have.",
        ),
    ] = None


class DocumentBody(Given):
    """What is known of a document."""

    id: Sha256
    title: Title
    source: Source
    date: Annotated[
        str | None,
        Field(description="ISO 8601, as exact as it is known, such as 2024, 2024-06 or 2024-06-18; null: not known."),
    ]
    language: Annotated[str, Field(description="ISO 639-1, such as en.")]


class WholeDocumentBody(DocumentBody):
    """A document with its text."""

    text: Annotated[str, Field(description="The whole of it, to the character: offsets count its Unicode code points.")]


class DocumentsBody(Given):
    """A part of the list of documents."""

    documents: Annotated[list[DocumentBody], Field(description="In the order in which they were indexed.")]
    next: Annotated[str | None, Field(description="What to send as after for the next ones; null: there are none.")]


class ChangeBody(Given):
    """A run of text of a quote, of what the document has by now in its place, or of both."""

    kind: Annotated[
        Literal["same", "removed", "added"],
        Field(description="same: both have it; removed: only the quote; added: only the document."),
    ]
    text: Annotated[str, Field(description="The run, to the character.")]


class VerdictBody(Given):
    """valid: it stands there still; moved: elsewhere; changed: close words do; gone: none do."""

    status: Annotated[
        Literal["valid", "moved", "changed", "gone"],
        Field(
            description=f"For a quote of more than {LONGEST_SOUGHT:,} characters close words are not sought: it is "
            "gone where it stands nowhere to the letter."
        ),
    ]
    document_id: Annotated[
        str | None, Field(description="sha256 of the text of the document in which the words stand; absent if gone.")
    ] = None
    title: Annotated[str | None, Field(description="That document's title; absent if gone.")] = None
    start: Annotated[
        Start | None, Field(description="Where they begin in its text, in Unicode code points; absent if gone.")
    ] = None
    end: Annotated[
        End | None, Field(description="Where they end, half-open, in Unicode code points; absent if gone.")
    ] = None
    text: Annotated[str | None, Field(description="Its text from start to end; absent if gone.")] = None
    changes: Annotated[
        list[ChangeBody] | None,
        Field(description="If changed: the runs, in order, that turn the quote into the text; absent if gone."),
    ] = None


class VerdictsBody(Given):
    verdicts: Annotated[list[VerdictBody], Field(description="In the order of the receipts.")]


class StatusBody(Given):
    """The corpus, as you may read it."""

    edition: Annotated[str, Field(description="The name of the state of the corpus that is asked now.")]
    documents: Annotated[int, Field(description="How many of them you may read.")]
    passages: Annotated[int, Field(description="How many passages, the runs of sentences that are found, they have.")]


class TokenBody(Given):
    token: Annotated[str, Field(description="To be sent as Authorization: Bearer.")]
    expires_in: Annotated[int, Field(description="Seconds, from now, for which it is good.")]


class ProblemBody(Given):
    """Problem details (RFC 9457)."""

    type: Annotated[str, Field(description="about:blank: the status says what kind of problem it is.")]
    title: Annotated[str, Field(description="The status in words.")]
    status: Annotated[int, Field(description="The HTTP status.")]
    detail: Annotated[str, Field(description="What is wrong, in one line, for the person who asked.")]
