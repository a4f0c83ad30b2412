"""Readers: a question and the passages found for it become scored sentences with their answering words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from index.errors import SettingsError
from index.types import Hit, Sentence, Span
from rag.types import Excerpt, Query

if TYPE_CHECKING:
    # the trainer also runs where neither search nor its libraries are installed
    from index.embedded.lexical import Words
    from index.encoders.encoder import Encoder


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader makes of one sentence."""

    hit: Hit
    sentence: Sentence
    score: float
    """Higher is better; comparable between questions."""
    highlight: Span
    """The words that answer, inside the sentence, in the document's offsets."""

    @property
    def excerpt(self) -> Excerpt:
        """The sentence, without the blanks around it."""
        document = self.hit.passage.document
        return Excerpt(document, self.sentence.span.trimmed(document.text))


class Reader(Protocol):
    @property
    def name(self) -> str: ...

    def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
        """The best sentences of the passages, headings left out, best first; none only where the passages hold none."""
        ...


class Reranker(Protocol):
    def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """The same passages, best first by its own score, 0 to 1, which found_by holds as "reranker"."""
        ...


READERS = ("similarity", "trained")
TRANSFORMERS = "transformers:"
"""What the name of a reader begins with that is a model of a person's own; its name or path follows."""
READ = 8
"""How many passages a reader is given to read for a question."""
READINGS = 10
"""How many sentences a reader hands on, of all that it scores."""


def load_reader(name: str, encoder: Encoder, words: Words) -> Reader:
    """The reader of this name, one of READERS or transformers: and a model; `words` says which words are the same.

    Raises SettingsError where there is none, and ModelError where its weights are missing or not what they should be.
    """
    if name in READERS:
        from rag.readers.similarity import SimilarityReader

        similarity = SimilarityReader(encoder, words)
        if name == "similarity":
            return similarity
        from rag.readers.trained import TrainedReader

        return TrainedReader.load(similarity)
    if name.startswith(TRANSFORMERS):
        from rag.readers.transformers import ExtractiveReader

        return ExtractiveReader.load(name.removeprefix(TRANSFORMERS))
    raise SettingsError(
        f"there is no reader {name!r}", f"Choose one of {', '.join(READERS)}, {TRANSFORMERS}NAME_OR_PATH"
    )


def load_reranker(name: str) -> Reranker:
    """The sentence-transformers CrossEncoder of this name or path. Raises ModelError where it cannot be loaded."""
    from rag.readers.reranker import CrossEncoderReranker

    return CrossEncoderReranker.load(name)
