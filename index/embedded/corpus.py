"""A corpus: documents indexed into an edition, and the current edition opened for search."""

from __future__ import annotations

import errno
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.embedded import database, edition
from index.embedded.database import Database, PassageTable
from index.embedded.dense import DenseIndex
from index.embedded.edition import EncoderId, Manifest
from index.embedded.lexical import LexicalIndex
from index.encoders.encoder import Encoder
from index.errors import CorpusError
from index.text.chunk import chunk, searchable
from index.text.sentences import split_sentences
from index.types import Document, Sentence

PASSAGE_TOKENS = 160
"""The default budget of a passage, in tokens."""

_ENCODED_AT_ONCE = 256
_VIEWS = 64
"""Sets of groups whose view of a corpus is kept: each takes about 20 bytes a passage, and moments to make."""

Progress = Callable[[int, int], None]
"""Called with the number of passages done and of all."""


def publish(
    folder: Path,
    documents: Sequence[Document],
    encoder: Encoder,
    *,
    language: str = "en",
    passage_tokens: int = PASSAGE_TOKENS,
    progress: Progress = lambda done, total: None,
) -> Manifest:
    """Indexes `documents` into a new edition of the corpus in `folder` and makes it the current one.

    The edition holds these documents and no others. `language` chooses the stemmer. Raises CorpusError and its kinds.
    """
    if not documents:
        raise CorpusError("there is no document to index", "Name at least one")
    passages = [
        passage
        for document in documents
        for passage in chunk(
            document,
            split_sentences(document.text, document.language),
            budget=passage_tokens,
            limit=encoder.max_tokens,
            count_pieces=encoder.count_tokens,
        )
    ]
    if not passages:
        raise CorpusError("the documents hold nothing but blanks", "Name one with text in it")
    texts = [searchable(passage) for passage in passages]
    lexical = LexicalIndex.build(texts, language)
    dense = DenseIndex.build(encode_all(encoder, texts, progress))

    def write(staging: Path) -> None:
        try:
            database.write(staging, documents, passages)
        except sqlite3.Error as error:
            raise OSError(errno.EIO, str(error), str(staging)) from error
        dense.save(staging)
        lexical.save(staging)

    return edition.publish(
        folder,
        write,
        encoder=_identify(encoder),
        language=language,
        passage_tokens=passage_tokens,
        documents=len(documents),
        passages=len(passages),
    )


@dataclass(frozen=True, slots=True)
class Selection:
    """Some documents of a corpus, searched and scored among themselves."""

    documents: tuple[Document, ...]
    dense: DenseIndex
    lexical: LexicalIndex
    passages: PassageTable
    """A passage's place is its row in both indexes."""


class Corpus:
    """One edition, opened: what is read from it does not change, whatever is published meanwhile.

    Or as much of it as some people may read: see seen_by. May be used by several threads at once.
    """

    def __init__(
        self,
        database: Database,
        dense: DenseIndex,
        lexical: LexicalIndex,
        manifest: Manifest,
        readers: Mapping[str, frozenset[str]],
        hidden: frozenset[str] = frozenset(),
        rows: NDArray[np.int64] | None = None,
    ) -> None:
        """`readers` are the groups of each of its documents that names some, by id.

        The documents `hidden` are left out; `rows` are then those, of the edition, of all other passages.
        """
        self.dense = dense
        self.lexical = lexical
        self.manifest = manifest
        self.passages = PassageTable(database, range(manifest.passages) if rows is None else rows)
        self._database = database
        self._hidden = hidden
        self._readers = readers
        self._named = frozenset[str]().union(*readers.values())
        self._views = lru_cache(maxsize=_VIEWS)(self._view)
        self._viewing = threading.Lock()

    @classmethod
    def open(cls, folder: Path, encoder: Encoder) -> Corpus:
        """The current edition of the corpus in `folder`, checked. Raises CorpusError and its kinds."""
        path, manifest = edition.open_current(folder)
        edition.check_encoder(manifest, _identify(encoder), folder)
        opened = Database.open(path)
        return cls(opened, DenseIndex.open(path), LexicalIndex.open(path), manifest, opened.groups())

    def close(self) -> None:
        """Closes what seen_by gave too; to close that alone does nothing, since others read on."""
        if not self._hidden:
            self._database.close()

    def seen_by(self, groups: frozenset[str]) -> Corpus:
        """As much of it as whoever is in `groups` may read: what names no group, or one of these.

        But for the name of the edition, what it says is what a corpus of these documents alone would say.
        """
        # groups that no document names are left out, so that whoever makes them up fills no memory
        with self._viewing:
            return self._views(groups & self._named)

    def within(self, ids: Iterable[str]) -> Selection:
        """Its documents of these ids, in their order; ids of none are passed over."""
        documents = []
        for id in dict.fromkeys(ids):
            with suppress(KeyError):
                documents.append(self.document(id))
        rows = np.array(self._database.rows_of(document.id for document in documents), np.int64)
        return Selection(
            tuple(documents), self.dense.only(rows), self.lexical.only(rows), PassageTable(self._database, rows)
        )

    @property
    def edition(self) -> str:
        return self.manifest.name

    def document_ids(self) -> tuple[str, ...]:
        """In the order in which the documents were indexed."""
        return tuple(id for id, _ in self.titles())

    def documents(self) -> tuple[Document, ...]:
        return tuple(self.document(id) for id in self.document_ids())

    def titles(self) -> tuple[tuple[str, str], ...]:
        """(id, title) of every document, in the order in which they were indexed; no text is read."""
        return tuple(one for one in self._database.titles() if one[0] not in self._hidden)

    def document(self, id: str) -> Document:
        """Raises KeyError where the corpus holds none of this id."""
        if id in self._hidden:
            raise KeyError(id)
        return self._database.document(id)

    def sentences(self, id: str) -> tuple[Sentence, ...]:
        """The tiles of a document's text, in order."""
        return () if id in self._hidden else self._database.sentences(id)

    def _view(self, groups: frozenset[str]) -> Corpus:
        readers = {id: its for id, its in self._readers.items() if its & groups}
        if len(readers) == len(self._readers):
            return self
        hidden = self._hidden.union(self._readers.keys() - readers.keys())
        rows = np.array([row for row, id in enumerate(self._database.ids_of_passages()) if id not in hidden], np.int64)
        documents = self.manifest.documents - (len(self._readers) - len(readers))
        # the files are those of all documents, and their sizes tell of the others
        manifest = replace(self.manifest, documents=documents, passages=len(rows), files={})
        return Corpus(self._database, self.dense.only(rows), self.lexical.only(rows), manifest, readers, hidden, rows)


def _identify(encoder: Encoder) -> EncoderId:
    return EncoderId(encoder.name, encoder.checksum, encoder.dimension)


def encode_all(encoder: Encoder, texts: Sequence[str], progress: Progress) -> NDArray[np.float32]:
    """Unit vectors, (len(texts), dimension), float32, encoded a few at a time so that progress can be told."""
    vectors = np.empty((len(texts), encoder.dimension), np.float32)
    progress(0, len(texts))
    for start in range(0, len(texts), _ENCODED_AT_ONCE):
        vectors[start : start + _ENCODED_AT_ONCE] = encoder.encode(texts[start : start + _ENCODED_AT_ONCE])
        progress(min(start + _ENCODED_AT_ONCE, len(texts)), len(texts))
    return vectors
