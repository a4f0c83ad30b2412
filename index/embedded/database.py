"""The documents and passages of an edition, in SQLite: written once, and opened to be read."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from index.types import Document, Passage, Sentence, Span

FILE = "corpus.sqlite"

# the text last: what stands before it is read without going through it
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
    """Raises sqlite3.Error where it cannot be written."""
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


class Database:
    """What `write` wrote. May be used by several threads at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # texts are large and asked for again and again by the passages found in them
        self.document = lru_cache(maxsize=1024)(self._read_document)

    @classmethod
    def open(cls, folder: Path) -> Database:
        # immutable: nothing writes there, so no lock is taken and a read-only disk will do
        uri = f"{(folder / FILE).absolute().as_uri()}?mode=ro&immutable=1"
        return cls(sqlite3.connect(uri, uri=True, check_same_thread=False))

    def close(self) -> None:
        self._connection.close()

    def titles(self) -> Iterator[tuple[str, str]]:
        """(id, title) of every document, in the order in which they were written."""
        yield from self._connection.execute("SELECT id, title FROM documents ORDER BY rowid")

    def groups(self) -> dict[str, frozenset[str]]:
        """By id, of the documents that not everyone may read, the groups that may."""
        found = self._connection.execute("SELECT id, groups FROM documents WHERE groups != '[]'")
        return {id: frozenset(json.loads(groups)) for id, groups in found}

    def ids_of_passages(self) -> Iterator[str]:
        """The id of each passage's document, in order of row."""
        return (id for (id,) in self._connection.execute("SELECT document FROM passages ORDER BY row"))

    def rows_of(self, ids: Iterable[str]) -> list[int]:
        """The rows of the passages of these documents, in order."""
        chosen = "SELECT row FROM passages WHERE document IN (SELECT value FROM json_each(?)) ORDER BY row"
        return [row for (row,) in self._connection.execute(chosen, (json.dumps(list(ids)),))]

    def sentences(self, id: str) -> tuple[Sentence, ...]:
        """The tiles of a document's text, in order."""
        rows = self._connection.execute("SELECT sentences FROM passages WHERE document = ? ORDER BY row", (id,))
        return tuple(sentence for (blob,) in rows for sentence in _unpack(blob))

    def passage(self, row: int) -> Passage:
        document, heading, blob = self._connection.execute(
            "SELECT document, heading, sentences FROM passages WHERE row = ?", (row,)
        ).fetchone()
        return Passage(self.document(document), _unpack(blob), heading)

    def _read_document(self, id: str) -> Document:
        """Raises KeyError where there is none of this id."""
        row = self._connection.execute(
            "SELECT id, title, text, source, date, language, groups, examples FROM documents WHERE id = ?", (id,)
        ).fetchone()
        if row is None:
            raise KeyError(id)
        id, title, text, source, date, language, groups, examples = row
        return Document(id, title, text, source, date, language, tuple(json.loads(groups)), tuple(json.loads(examples)))


class PassageTable(Sequence[Passage]):
    """Passages of an edition, read as they are asked for; a passage's place is its row in both indexes."""

    def __init__(self, database: Database, rows: range | NDArray[np.int64]) -> None:
        """Those at these rows of the edition, in this order."""
        self._database = database
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> Passage: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[Passage, ...]: ...
    def __getitem__(self, row: int | slice) -> Passage | tuple[Passage, ...]:
        if isinstance(row, slice):
            return tuple(self._database.passage(int(one)) for one in self._rows[row])
        # as SQLite takes no integer of NumPy's for one
        return self._database.passage(int(self._rows[row]))


def _pack(sentences: Iterable[Sentence]) -> bytes:
    return b"".join(_SENTENCE.pack(s.span.start, s.span.end, s.paragraph, s.heading) for s in sentences)


def _unpack(blob: bytes) -> tuple[Sentence, ...]:
    return tuple(
        Sentence(Span(start, end), paragraph, heading) for start, end, paragraph, heading in _SENTENCE.iter_unpack(blob)
    )
