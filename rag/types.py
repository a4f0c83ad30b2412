"""Types of question answering: turns, forms, readings, citations, answers; the interfaces Reader and Reranker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from index.types import Document, Hit, Query, Sentence, Span

Status = Literal["answered", "unanswered"]

READINGS = 10
"""The most sentences that a reader returns."""


@dataclass(frozen=True, slots=True)
class Place:
    """A span of a document, named by the document's id."""

    document_id: str
    span: Span


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of a conversation, and its answer as places or as text. An unanswered turn has neither."""

    question: str
    answer: str = ""
    """The text of the excerpts shown, joined by blanks. Ignored if `shown` is given."""
    documents: tuple[str, ...] = ()
    """The ids of the documents that the excerpts are from, if known. Ignored if `shown` is given."""
    shown: tuple[Place, ...] = ()
    """The places of the excerpts shown, best first, if known."""


@dataclass(frozen=True, slots=True)
class Form:
    """A stand-alone question that a question in a conversation can mean."""

    text: str
    prior: float = 0.0
    """Log-odds, before any search, that this form is meant rather than the question as it was asked."""
    documents: tuple[str, ...] = ()
    """The ids of the documents to search; empty: all."""
    carried: bool = False
    """Whether text of earlier turns was added. If so, the confidence is computed from the question as it was asked."""
    shown: tuple[Place, ...] = ()
    """The excerpts of the last answer, if it was carried over and their places are known."""
    shown_text: str = ""
    """The text of the last answer, if it was carried over and its places are not known."""
    fallback: bool = False
    """Whether this form is tried only if the likeliest other form is not answered."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One or more whole sentences of a document. The text is derived from the span."""

    document: Document
    span: Span

    @property
    def text(self) -> str:
        return self.document[self.span]

    @property
    def place(self) -> Place:
        return Place(self.document.id, self.span)


@dataclass(frozen=True, slots=True)
class Reading:
    """A reader's result for one sentence."""

    hit: Hit
    sentence: Sentence
    score: float
    """Higher is better. The unit is the reader's own; only its judge knows what a score means."""
    highlight: Span
    """The answering words: whole words inside the sentence, in the document's offsets."""

    @property
    def excerpt(self) -> Excerpt:
        """The sentence, without the blanks around it."""
        document = self.hit.passage.document
        return Excerpt(document, self.sentence.span.trimmed(document.text))


@dataclass(frozen=True, slots=True)
class Contribution:
    """A feature's part in the log-odds of a confidence: value times weight."""

    value: float
    weight: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """One form of a question: the passages found for it, its readings, and how likely they answer."""

    form: Form
    hits: tuple[Hit, ...]
    """The passages found, best first."""
    readings: tuple[Reading, ...]
    """The best sentences, best first."""
    contributions: Mapping[str, Contribution]
    """By feature. With `bias` they add up to the log-odds of the confidence."""
    bias: float
    confidence: float
    """The calibrated probability, 0 to 1, that the best reading answers the question."""
    confidence_if_not_carried: float
    """The confidence without the contribution of carried-over text. Forms are compared by this value."""


@dataclass(frozen=True, slots=True)
class Citation:
    """An excerpt as an answer shows it, with its place in the document."""

    number: int
    """From 1, best first."""
    excerpt: Excerpt
    highlight: Span
    """The answering words: whole words inside the excerpt, in the document's offsets."""
    heading: str
    """The heading above it, or the empty string."""
    paragraph: int
    """The number of its paragraph in the document, from 1."""
    score: float
    """The reader's score of the best sentence; higher is better."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question: citations of documents, or the status "unanswered"."""

    question: str
    judgements: tuple[Judgement, ...]
    """One for each form that was tried. The answer is taken from the first."""
    status: Status
    risk: float
    """The accepted share of wrong answers among all answered questions, 0 to 1."""
    threshold: float
    """The lowest confidence that counts as answered at this risk; infinite if no confidence is high enough."""
    citations: tuple[Citation, ...]
    """Best first; empty if unanswered."""
    closest: tuple[Citation, ...]
    """If unanswered, the excerpts with the best scores, which are not answers; otherwise empty."""
    edition: str
    """The name of the edition that was asked."""
    ms: Mapping[str, float]
    """Milliseconds by stage: "retrieve", "read" and "total"."""

    @property
    def confidence(self) -> float:
        """The calibrated probability, 0 to 1, that the best excerpt answers the question."""
        return self.judgements[0].confidence

    @property
    def retrieved(self) -> tuple[Hit, ...]:
        """The passages found for the chosen form, best first."""
        return self.judgements[0].hits

    @property
    def searched_for(self) -> tuple[str, ...]:
        """The text of every form that was tried, the chosen one first, without repetitions."""
        return tuple(dict.fromkeys(judgement.form.text for judgement in self.judgements))


class Reader(Protocol):
    """Scores the sentences of passages by how well they answer a question."""

    @property
    def name(self) -> str: ...

    def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
        """The READINGS best sentences, best first, without headings; empty only if the passages hold no sentence."""


class Reranker(Protocol):
    """Orders passages by how well they answer a question."""

    def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """The same passages, best first. The score, 0 to 1, is also in `found_by` under "reranker"."""
