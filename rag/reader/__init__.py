"""Readers: a question and the passages found for it become scored sentences with their answering words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from index.errors import SettingsError
from index.types import Hit, Sentence, Span
from rag.types import Query

if TYPE_CHECKING:
    # the trainer also runs where neither search nor its libraries are installed
    from index.encoder import Encoder
    from index.lexical import Words


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


READERS = ("similarity", "trained")
READINGS = 6
"""How many sentences a reader hands on, of all that it scores."""


def load_reader(name: str, encoder: Encoder, words: Words) -> Reader:
    """The reader of this name; `words` says which words are the same.

    Raises SettingsError where there is none, and ModelError where its weights are missing or not what they should be.
    """
    if name == "similarity":
        from rag.reader.similarity import SimilarityReader

        return SimilarityReader(encoder, words)
    if name == "trained":
        from rag.reader.trained import TrainedReader

        return TrainedReader.load()
    raise SettingsError(f"there is no reader {name!r}", f"Choose one of {', '.join(READERS)}")
