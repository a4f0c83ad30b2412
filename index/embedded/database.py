"""The documents and passages of an edition, in SQLite: written once, then only read."""

import errno
import json
import sqlite3
import struct
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Self

from index.types import Document, Passage, Sentence, Span, Title

FILE = "corpus.sqlite"

# the text is the last column, so that the others are read without it
_SCHEMA = """
CREATE TABLE documents (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, source TEXT, date TEXT, language TEXT NOT NULL, groups TEXT NOT NULL,
    examples TEXT NOT NULL, text TEXT NOT NULL
) STRICT;
CREATE TABLE passages (
    row INTEGER PRIMARY KEY, document TEXT NOT NULL REFERENCES documents (id), heading TEXT NOT NULL,
    sentences BLOB NOT NULL
) STRICT;
CREATE INDEX passages_by_document ON passages (document, row);
"""
_SENTENCE = struct.Struct("<QQI?")


def write(folder: Path, documents: Iterable[Document], passages: Iterable[Passage]) -> None:
    """Raises OSError if it cannot be written."""
    try:
        with closing(sqlite3.connect(folder / FILE)) as database, database:
            database.executescript(_SCHEMA)
            database.executemany(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (d.id, d.title, d.source, d.date, d.language, json.dumps(d.groups), json.dumps(d.examples), d.text)
                    for d in documents
                ),
            )
            database.executemany(
                "INSERT INTO passages VALUES (?, ?, ?, ?)",
                ((row, p.document.id, p.heading, _pack(p.sentences)) for row, p in enumerate(passages)),
            )
    except sqlite3.Error as error:
        raise OSError(errno.EIO, str(error), str(folder / FILE)) from error


class Database:
    """Reads what `write` wrote. Safe to use from several threads."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # every passage that is found needs its document, and texts are large
        self.document = lru_cache(maxsize=1024)(self._read_document)

    @classmethod
    def open(cls, folder: Path) -> Self:
        # immutable: nothing writes here, so SQLite takes no lock and a read-only disk is enough
        uri = f"{(folder / FILE).absolute().as_uri()}?mode=ro&immutable=1"
        return cls(sqlite3.connect(uri, uri=True, check_same_thread=False))

    def close(self) -> None:
        self._connection.close()

    def titles(self, after: str) -> Iterator[Title]:
        """The titles of the documents written after the one with the id `after`, in that order; of all if it is ""."""
        behind = "WHERE rowid > (SELECT rowid FROM documents WHERE id = ?)" if after else ""
        query = f"SELECT id, title FROM documents {behind} ORDER BY rowid"
        return (Title(*row) for row in self._connection.execute(query, (after,) if after else ()))

    def groups(self) -> dict[str, frozenset[str]]:
        """document id -> the groups that may read it, for the documents that not everyone may read."""
        rows = self._connection.execute("SELECT id, groups FROM documents WHERE groups != '[]'")
        return {id: frozenset(json.loads(groups)) for id, groups in rows}

    def document_of_each_passage(self) -> Iterator[str]:
        """The document id of every passage, in order of row."""
        return (id for (id,) in self._connection.execute("SELECT document FROM passages ORDER BY row"))

    def rows_of(self, ids: Iterable[str]) -> list[int]:
        """The rows of the passages of these documents, ascending."""
        query = "SELECT row FROM passages WHERE document IN (SELECT value FROM json_each(?)) ORDER BY row"
        return [row for (row,) in self._connection.execute(query, (json.dumps(list(ids)),))]

    def sentences(self, id: str) -> tuple[Sentence, ...]:
        """The sentences and headings of a document, in order. They cover its text."""
        rows = self._connection.execute("SELECT sentences FROM passages WHERE document = ? ORDER BY row", (id,))
        return tuple(sentence for (blob,) in rows for sentence in _unpack(blob))

    def passage(self, row: int) -> Passage:
        document, heading, blob = self._connection.execute(
            "SELECT document, heading, sentences FROM passages WHERE row = ?", (row,)
        ).fetchone()
        return Passage(self.document(document), _unpack(blob), heading)

    def _read_document(self, id: str) -> Document:
        """The document with this id. Raises KeyError if there is none."""
        row = self._connection.execute(
            "SELECT id, title, text, source, date, language, groups, examples FROM documents WHERE id = ?", (id,)
        ).fetchone()
        if row is None:
            raise KeyError(id)
        id, title, text, source, date, language, groups, examples = row
        return Document(id, title, text, source, date, language, tuple(json.loads(groups)), tuple(json.loads(examples)))


def _pack(sentences: Iterable[Sentence]) -> bytes:
    return b"".join(_SENTENCE.pack(s.span.start, s.span.end, s.paragraph, s.heading) for s in sentences)


def _unpack(blob: bytes) -> tuple[Sentence, ...]:
    return tuple(
        Sentence(Span(start, end), paragraph, heading) for start, end, paragraph, heading in _SENTENCE.iter_unpack(blob)
    )
