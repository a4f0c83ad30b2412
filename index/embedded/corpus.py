"""The corpus of one machine: an edition in SQLite, FAISS and BM25, opened for search."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Self, final

import numpy as np

from index.embedded.database import Database
from index.embedded.dense import DenseIndex
from index.embedded.edition import EncoderId, Manifest, check_encoder, open_current
from index.embedded.fusion import fuse
from index.embedded.lexical import LexicalIndex
from index.encoders.encoder import Encoder
from index.types import Counts, Document, Hit, Passage, Query, Sentence, Title

_CANDIDATES = 100
"""Rows that each searcher contributes to the fusion."""
_VIEWS = 64
"""The most views that are cached, one for each set of groups. A view takes about 20 bytes per passage."""


@final
class EmbeddedCorpus:
    """One edition of a corpus, or the part of it that some groups may read.

    Implements `index.corpus.Corpus`. Later editions do not change it. Safe to use from several threads.
    """

    def __init__(
        self,
        manifest: Manifest,
        database: Database,
        dense: DenseIndex,
        lexical: LexicalIndex,
        readers: Mapping[str, frozenset[str]],
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        """`readers`: document id -> groups, for the documents with restricted access that are visible here.

        `manifest`: with the counts of what is visible. `hidden`: the ids of the documents left out.
        """
        self.edition, self.created, self.language = manifest.name, manifest.created, manifest.language
        self.counts = Counts(manifest.documents, manifest.passages)
        self._manifest = manifest
        self._database = database
        self._dense = dense
        self._lexical = lexical
        self._readers = readers
        self._hidden = hidden
        self._restricting = frozenset[str]().union(*readers.values())
        self._views = lru_cache(maxsize=_VIEWS)(self._view)
        self._viewing = threading.Lock()

    @classmethod
    def open(cls, folder: Path, encoder: Encoder) -> Self:
        """The current edition in `folder`, with checksums verified. Raises CorpusError and its kinds."""
        path, manifest = open_current(folder)
        check_encoder(manifest, identify(encoder), folder)
        database = Database.open(path)
        return cls(manifest, database, DenseIndex.open(path), LexicalIndex.open(path), database.groups())

    def close(self) -> None:
        # views share the database, so only the whole corpus closes it
        if not self._hidden:
            self._database.close()

    def search(self, query: Query, k: int, within: Sequence[str] = ()) -> list[Hit]:
        dense, lexical = self._dense, self._lexical
        if within:
            chosen = np.array(self._database.rows_of(set(within) - self._hidden), np.int64)
            dense, lexical = dense.only(chosen), lexical.only(chosen)
        [scores], [rows] = dense.search(query.encoding.vector[None], _CANDIDATES)
        rankings = {"dense": (scores, rows), "lexical": lexical.search(query.text, _CANDIDATES)}
        found_by: dict[int, dict[str, float]] = {}
        for name, (scores, rows) in rankings.items():
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
                found_by.setdefault(row, {})[name] = score
        ranked = enumerate(fuse(list(rankings.values()))[:k], start=1)
        return [Hit(self._database.passage(row), score, rank, found_by[row]) for rank, (score, row) in ranked]

    def like(self, text: str, k: int) -> list[Passage]:
        return [self._database.passage(row) for row in self._lexical.search(text, k)[1].tolist()]

    def seen_by(self, groups: frozenset[str]) -> Self:
        # groups that no document names are dropped, so that made-up ones do not fill the cache
        with self._viewing:
            return self._views(groups & self._restricting)

    def document(self, id: str) -> Document:
        if id in self._hidden:
            raise KeyError(id)
        return self._database.document(id)

    def sentences(self, id: str) -> tuple[Sentence, ...]:
        if id in self._hidden or not (sentences := self._database.sentences(id)):
            raise KeyError(id)
        return sentences

    def titles(self, words: str = "", after: str = "", limit: int = 100) -> list[Title]:
        if after in self._hidden:
            return []
        wanted = words.casefold().split()
        matching = (
            title
            for title in self._database.titles(after)
            if title.id not in self._hidden and all(word in title.title.casefold() for word in wanted)
        )
        return list(islice(matching, limit))

    def _view(self, groups: frozenset[str]) -> Self:
        readers = {id: may_read for id, may_read in self._readers.items() if may_read & groups}
        if len(readers) == len(self._readers):
            return self
        hidden = self._hidden.union(self._readers.keys() - readers.keys())
        visible = [row for row, id in enumerate(self._database.document_of_each_passage()) if id not in hidden]
        rows = np.array(visible, np.int64)
        documents = self._manifest.documents - (len(self._readers) - len(readers))
        manifest = replace(self._manifest, documents=documents, passages=len(rows))
        return type(self)(manifest, self._database, self._dense.only(rows), self._lexical.only(rows), readers, hidden)


def identify(encoder: Encoder) -> EncoderId:
    return EncoderId(encoder.name, encoder.checksum, encoder.dimension)
