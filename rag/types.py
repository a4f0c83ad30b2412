"""The nouns of floor 2: excerpts, citations, answers and turns, all frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from index.types import Document, Hit, Span

if TYPE_CHECKING:
    from index.encoders.encoder import Encoding
    from rag.calibration import Calibration
    from rag.readers.load import Reading

Status = Literal["answered", "unanswered"]


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A stand-alone question and what the encoder makes of it."""

    text: str
    encoding: Encoding


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One or more whole sentences of a document. The span is the truth; the text is derived from it."""

    document: Document
    span: Span

    @property
    def text(self) -> str:
        return self.document[self.span]


@dataclass(frozen=True, slots=True)
class Citation:
    """An excerpt as shown in an answer, with where it stands."""

    number: int
    """From 1, best first."""
    excerpt: Excerpt
    highlight: Span
    """The words that answer: whole words inside the excerpt, in the document's offsets."""
    heading: str
    """The heading that it stands under, or the empty string."""
    paragraph: int
    """The number, from 1, of its paragraph in the document."""
    score: float
    """The reader's score of the best sentence; higher is better."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One stand-alone form of a question, and what searching and reading for it gave."""

    searched_for: str
    retrieved: tuple[Hit, ...]
    """The passages that the search found, best first."""
    readings: tuple[Reading, ...]
    """The sentences that the reader handed on, best first."""
    features: Mapping[str, float]
    """What the confidence was reckoned from, by the names of rag.calibration.FEATURES."""
    confidence: float
    """The calibrated probability, 0 to 1, that the best reading answers the question."""
    searched_in: tuple[Document, ...] = ()
    """The documents in which alone it was searched for; empty: in all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the documents say to a question, in their own words, or that they do not say."""

    question: str
    attempts: tuple[Attempt, ...]
    """Of each stand-alone form of the question one, and first the one that the answer is taken from."""
    status: Status
    threshold: float
    """The least confidence at which it counts as answered; infinite where none does."""
    citations: tuple[Citation, ...]
    """Best first; empty where the question is not answered."""
    closest: tuple[Citation, ...]
    """Where the question is not answered: the nearest excerpts, which are not answers. Otherwise empty."""
    edition: str
    """The name of the edition that was asked."""
    ms: Mapping[str, float]
    """Milliseconds by stage: "retrieve", "read" and "total"."""
    risk: float = 1.0
    """The share of wrong answers, 0 to 1, that was borne among what is answered."""
    calibration: Calibration | None = None
    """What made the features a confidence, where it was made so."""

    @property
    def confidence(self) -> float:
        """The calibrated probability, 0 to 1, that the best excerpt answers the question."""
        return self.attempts[0].confidence

    @property
    def retrieved(self) -> tuple[Hit, ...]:
        """The passages that the search found for the form that was chosen, best first."""
        return self.attempts[0].retrieved

    @property
    def searched_for(self) -> tuple[str, ...]:
        """The stand-alone forms of the question, the chosen one first; each once, wherever it was searched for."""
        return tuple(dict.fromkeys(attempt.searched_for for attempt in self.attempts))


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of a conversation and what was answered, as text."""

    question: str
    answer: str
    """The excerpts shown, joined by a space; empty where the question was not answered."""
    documents: tuple[str, ...] = ()
    """The ids of the documents that they are from, if that is known."""
