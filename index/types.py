"""The nouns of floor 1: spans, sentences, documents, passages and hits, all frozen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range [start, end) of Unicode code points into a document's text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a span must have 0 <= start <= end, not [{self.start}, {self.end})")

    def __len__(self) -> int:
        return self.end - self.start

    def covers(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end

    def trimmed(self, text: str) -> Span:
        """This span of `text` without the blank characters at its two ends; empty, at its start, if all are blank."""
        body = text[self.start : self.end]
        leading = len(body) - len(body.lstrip())
        return (
            Span(self.start + leading, self.start + len(body.rstrip()))
            if leading < len(body)
            else Span(self.start, self.start)
        )


@dataclass(frozen=True, slots=True)
class Sentence:
    """A tile of a document's text: one sentence or one heading, with the blanks that follow it."""

    span: Span
    paragraph: int
    """The number, from 1, of its paragraph; a heading has that of the paragraph it heads."""
    heading: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A text as it was read, and what is known of it. The text is never changed after."""

    id: str
    """sha256, in hexadecimal, of the text encoded as UTF-8."""
    title: str
    text: str = field(repr=False)
    source: str | None = None
    """The path or URL that it came from, if known."""
    date: str | None = None
    """ISO 8601, as exact as it is known: 2024, 2024-06 or 2024-06-18."""
    language: str = "en"
    groups: tuple[str, ...] = ()
    """Who may read it; empty: everyone."""
    examples: tuple[str, ...] = ()
    """Questions to show a newcomer."""

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
    ) -> Document:
        """The document with this text; its id follows from the text."""
        return cls(hashlib.sha256(text.encode()).hexdigest(), title, text, source, date, language, groups, examples)

    def __getitem__(self, span: Span) -> str:
        return self.text[span.start : span.end]


@dataclass(frozen=True, slots=True)
class Passage:
    """What is embedded and found: a run of whole sentences of one document."""

    document: Document
    sentences: tuple[Sentence, ...]
    """At least one. Their spans tile the passage: each begins where the one before it ends."""
    heading: str = ""
    """The heading that the passage stands under, or the empty string."""

    @property
    def span(self) -> Span:
        return Span(self.sentences[0].span.start, self.sentences[-1].span.end)

    @property
    def text(self) -> str:
        return self.document[self.span]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a search found."""

    passage: Passage
    score: float
    """Higher is better; comparable only within one search."""
    rank: int
    """From 1."""
    found_by: Mapping[str, float]
    """Which searchers found it, "dense" or "lexical" or both, each with its own score: inner product, BM25."""
