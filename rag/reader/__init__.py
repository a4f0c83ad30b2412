"""Readers: a question and the passages found for it become scored sentences with their answering words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from index.encoder import Encoder
from index.errors import SettingsError
from index.lexical import Words
from index.types import Hit, Sentence, Span
from rag.types import Query


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader makes of one sentence."""

    hit: Hit
    sentence: Sentence
    score: float
    """Higher is better; comparable between questions."""
    highlight: Span
    """The words that answer, inside the sentence, in the document's offsets."""


class Reader(Protocol):
    @property
    def name(self) -> str: ...

    def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
        """The best sentences of the passages, headings left out, best first; none only where the passages hold none."""
        ...


def load_reader(name: str, encoder: Encoder, words: Words) -> Reader:
    """The reader of this name; `words` says which words are the same. Raises SettingsError where there is none."""
    from rag.reader.similarity import SimilarityReader

    readers = {SimilarityReader.name: SimilarityReader}
    if name not in readers:
        raise SettingsError(f"there is no reader {name!r}", f"Choose one of {', '.join(readers)}")
    return readers[name](encoder, words)
