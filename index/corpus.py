"""A corpus: documents indexed into an edition, and the current edition opened for search."""

from __future__ import annotations

import errno
import json
import sqlite3
import struct
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from index import edition
from index.chunk import chunk, searchable
from index.dense import DenseIndex
from index.edition import EncoderId, Manifest
from index.encoder import Encoder
from index.errors import CorpusError
from index.lexical import LexicalIndex
from index.sentences import split_sentences
from index.types import Document, Passage, Sentence, Span

PASSAGE_TOKENS = 160
"""The default budget of a passage, in tokens."""

_ENCODED_AT_ONCE = 256

_SCHEMA = """
CREATE TABLE documents (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, text TEXT NOT NULL, source TEXT, date TEXT, language TEXT NOT NULL,
    groups TEXT NOT NULL, examples TEXT NOT NULL
) STRICT;
CREATE TABLE passages (
    row INTEGER PRIMARY KEY, document TEXT NOT NULL REFERENCES documents (id), heading TEXT NOT NULL,
    sentences BLOB NOT NULL
) STRICT;
CREATE INDEX passages_by_document ON passages (document, row);
"""
_SENTENCE = struct.Struct("<QQI?")

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
            _write_database(staging / "corpus.sqlite", documents, passages)
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


class Corpus:
    """One edition, opened: what is read from it does not change, whatever is published meanwhile."""

    def __init__(
        self, database: sqlite3.Connection, dense: DenseIndex, lexical: LexicalIndex, manifest: Manifest
    ) -> None:
        self.dense = dense
        self.lexical = lexical
        self.manifest = manifest
        self.passages = PassageTable(database, self.document, manifest.passages)
        self._database = database
        # texts are large and asked for again and again by the passages found in them
        self._document = lru_cache(maxsize=1024)(self._read_document)

    @classmethod
    def open(cls, folder: Path, encoder: Encoder) -> Corpus:
        """The current edition of the corpus in `folder`, checked. Raises CorpusError and its kinds."""
        path, manifest = edition.open_current(folder)
        edition.check_encoder(manifest, _identify(encoder), folder)
        # immutable: nothing writes there, so no lock is taken and a read-only disk will do
        database = sqlite3.connect(
            f"{(path / 'corpus.sqlite').absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        return cls(database, DenseIndex.open(path), LexicalIndex.open(path), manifest)

    def close(self) -> None:
        self._database.close()

    @property
    def edition(self) -> str:
        return self.manifest.name

    def document_ids(self) -> tuple[str, ...]:
        """In the order in which the documents were indexed."""
        return tuple(row[0] for row in self._database.execute("SELECT id FROM documents ORDER BY rowid"))

    def documents(self) -> tuple[Document, ...]:
        return tuple(self.document(id) for id in self.document_ids())

    def titles(self) -> tuple[tuple[str, str], ...]:
        """(id, title) of every document, in the order in which they were indexed; no text is read."""
        return tuple(self._database.execute("SELECT id, title FROM documents ORDER BY rowid"))

    def document(self, id: str) -> Document:
        """Raises KeyError where the corpus holds none of this id."""
        return self._document(id)

    def sentences(self, id: str) -> tuple[Sentence, ...]:
        """The tiles of a document's text, in order."""
        rows = self._database.execute("SELECT sentences FROM passages WHERE document = ? ORDER BY row", (id,))
        return tuple(sentence for (blob,) in rows for sentence in _unpack(blob))

    def _read_document(self, id: str) -> Document:
        row = self._database.execute(
            "SELECT id, title, text, source, date, language, groups, examples FROM documents WHERE id = ?", (id,)
        ).fetchone()
        if row is None:
            raise KeyError(id)
        id, title, text, source, date, language, groups, examples = row
        return Document(id, title, text, source, date, language, tuple(json.loads(groups)), tuple(json.loads(examples)))


class PassageTable(Sequence[Passage]):
    """The passages of an edition, read as they are asked for; a passage's place is its row in both indexes."""

    def __init__(self, database: sqlite3.Connection, document: Callable[[str], Document], size: int) -> None:
        self._database = database
        self._document = document
        self._size = size

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, row: int) -> Passage: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[Passage, ...]: ...
    def __getitem__(self, row: int | slice) -> Passage | tuple[Passage, ...]:
        if isinstance(row, slice):
            return tuple(self[n] for n in range(*row.indices(self._size)))
        found = self._database.execute(
            "SELECT document, heading, sentences FROM passages WHERE row = ?", (row,)
        ).fetchone()
        if found is None:
            raise IndexError(row)
        document, heading, blob = found
        return Passage(self._document(document), _unpack(blob), heading)


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


def _write_database(file: Path, documents: Iterable[Document], passages: Iterable[Passage]) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript(_SCHEMA)
        database.executemany(
            "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (d.id, d.title, d.text, d.source, d.date, d.language, json.dumps(d.groups), json.dumps(d.examples))
                for d in documents
            ),
        )
        database.executemany(
            "INSERT INTO passages VALUES (?, ?, ?, ?)",
            ((row, p.document.id, p.heading, _pack(p.sentences)) for row, p in enumerate(passages)),
        )


def _pack(sentences: Iterable[Sentence]) -> bytes:
    return b"".join(_SENTENCE.pack(s.span.start, s.span.end, s.paragraph, s.heading) for s in sentences)


def _unpack(blob: bytes) -> tuple[Sentence, ...]:
    return tuple(
        Sentence(Span(start, end), paragraph, heading) for start, end, paragraph, heading in _SENTENCE.iter_unpack(blob)
    )
