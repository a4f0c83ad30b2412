"""The corpus interface: search, documents and titles of one edition, as seen by some groups."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

from index.encoders.encoder import Encoder
from index.types import Counts, Document, Hit, Passage, Query, Sentence, Title


class Corpus(Protocol):
    """One edition of the documents, or the part of it that some groups may read.

    Everything above floor 1 goes through this interface. It never changes after opening, and several threads may use
    it. A part neither searches, counts nor lists hidden documents.
    """

    @property
    def edition(self) -> str:
        """The name of the edition."""

    @property
    def created(self) -> str:
        """When the edition was published: ISO 8601, UTC."""

    @property
    def language(self) -> str:
        """ISO 639-1, of the stemmer and of most documents."""

    @property
    def counts(self) -> Counts: ...

    def search(self, query: Query, k: int, within: Sequence[str] = ()) -> list[Hit]:
        """Hybrid search: at most `k` passages that match best, by meaning and by words, best first.

        `within` restricts the search to the documents with these ids; unknown ids are ignored. Word statistics are
        those of the documents searched.
        """

    def like(self, text: str, k: int) -> list[Passage]:
        """Lexical search: at most `k` passages, best first. Each shares at least one word with `text`."""

    def seen_by(self, groups: frozenset[str]) -> Self:
        """The part that a member of `groups` may read: the documents for everyone, and those that name one of these."""

    def document(self, id: str) -> Document:
        """The document with this id. Raises KeyError if there is none, or if it is hidden."""

    def sentences(self, id: str) -> Sequence[Sentence]:
        """The sentences and headings that cover the document's text, in order. Raises KeyError as `document` does."""

    def titles(self, words: str = "", after: str = "", limit: int = 100) -> Sequence[Title]:
        """At most `limit` titles in order of indexing, starting after the document with the id `after`.

        Only titles that contain each of the blank-separated `words`, regardless of case. None if there is no document
        `after`, or it is hidden.
        """

    def close(self) -> None:
        """Releases files and connections. Closing a part has no effect."""


def open_corpus(folder: Path, encoder: Encoder) -> Corpus:
    """The current edition of the corpus in `folder`. Raises CorpusError and its kinds."""
    # imported here, so that the interface can be named without loading FAISS
    from index.embedded.corpus import EmbeddedCorpus

    return EmbeddedCorpus.open(folder, encoder)
