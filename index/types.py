"""Types of indexing and search: spans, sentences, documents, passages, queries and hits. All are frozen."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range [start, end) of Unicode code points in a document's text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a span must have 0 <= start <= end, not [{self.start}, {self.end})")

    def __len__(self) -> int:
        return self.end - self.start

    def covers(self, other: Self) -> bool:
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Self) -> bool:
        return self.start < other.end and other.start < self.end

    def trimmed(self, text: str) -> Self:
        """This span of `text` without the blanks at both ends. If all is blank: the empty span at its start."""
        body = text[self.start : self.end]
        leading = len(body) - len(body.lstrip()) if body.strip() else 0
        return type(self)(self.start + leading, self.start + len(body.rstrip()))


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence or one heading, with the blanks after it. A document's sentences cover its text without gaps."""

    span: Span
    paragraph: int
    """The number of its paragraph, from 1. A heading has the number of the paragraph below it."""
    heading: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A text as it was read, with its metadata. The text never changes."""

    id: str
    """sha256 of the text in UTF-8, in hexadecimal."""
    title: str
    text: str = field(repr=False)
    source: str | None = None
    """The path or URL it came from, if known."""
    date: str | None = None
    """ISO 8601, as exact as known: 2024, 2024-06 or 2024-06-18."""
    language: str = "en"
    groups: tuple[str, ...] = ()
    """The groups that may read it; empty: everyone."""
    examples: tuple[str, ...] = ()
    """Example questions, shown to newcomers."""

    @classmethod
    def of(
        cls,
        text: str,
        *,
        title: str,
        source: str | None = None,
        date: str | None = None,
        language: str = "en",
        groups: tuple[str, ...] = (),
        examples: tuple[str, ...] = (),
    ) -> Self:
        """The document with this text; the id is computed from the text."""
        return cls(hashlib.sha256(text.encode()).hexdigest(), title, text, source, date, language, groups, examples)

    def __getitem__(self, span: Span) -> str:
        return self.text[span.start : span.end]


@dataclass(frozen=True, slots=True)
class Passage:
    """The unit of search: consecutive sentences of one document that fit the encoder."""

    document: Document
    sentences: tuple[Sentence, ...]
    """At least one. Their spans cover the passage without gaps."""
    heading: str = ""
    """The heading above the passage, or the empty string."""

    @property
    def id(self) -> str:
        """Unique in a corpus, and the same in every edition that splits the document in the same way."""
        return f"{self.document.id}:{self.sentences[0].span.start}"

    @property
    def span(self) -> Span:
        return Span(self.sentences[0].span.start, self.sentences[-1].span.end)

    @property
    def text(self) -> str:
        return self.document[self.span]


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """A text as one vector and as a vector for each word piece, all float32 of unit length."""

    vector: NDArray[np.float32]
    """(dimension,)"""
    pieces: NDArray[np.float32]
    """(n, dimension), without the special word pieces."""
    ids: NDArray[np.int64]
    """(n,): the numbers of the word pieces in the encoder's vocabulary."""
    offsets: NDArray[np.int64]
    """(n, 2): the half-open range of each word piece in the text."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A stand-alone question and its encoding."""

    text: str
    encoding: Encoding


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a search found."""

    passage: Passage
    score: float
    """0 to 1, higher is better; comparable only within one search."""
    rank: int
    """From 1."""
    found_by: Mapping[str, float]
    """The searchers that found it, with their own scores: "dense" (inner product), "lexical" (BM25)."""


@dataclass(frozen=True, slots=True)
class Title:
    """A document's entry in a list of documents."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Counts:
    """The size of a corpus."""

    documents: int
    passages: int
