"""Titles in pages, over a corpus that lists all of them at once. Goes when Corpus.titles pages by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile, islice
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol

from index.types import Document, Sentence


class Title(NamedTuple):
    id: str
    title: str


class PagedCorpus(Protocol):
    @property
    def edition(self) -> str: ...
    @property
    def counts(self) -> Any: ...
    def document(self, id: str) -> Document: ...
    def sentences(self, id: str) -> Sequence[Sentence]: ...
    def titles(self, prefix: str = "", after: str = "", limit: int = 100) -> Sequence[Title]: ...


def paged(corpus: Any) -> PagedCorpus:
    return corpus if hasattr(corpus, "counts") else _Paged(corpus)


@dataclass(frozen=True)
class _Paged:
    corpus: Any

    @property
    def edition(self) -> str:
        return str(self.corpus.edition)

    @property
    def counts(self) -> Any:
        return SimpleNamespace(documents=self.corpus.manifest.documents, passages=self.corpus.manifest.passages)

    def document(self, id: str) -> Document:
        return self.corpus.document(id)  # type: ignore[no-any-return]

    def sentences(self, id: str) -> Sequence[Sentence]:
        return self.corpus.sentences(id)  # type: ignore[no-any-return]

    def titles(self, prefix: str = "", after: str = "", limit: int = 100) -> Sequence[Title]:
        titles = [Title(id, title) for id, title in self.corpus.titles()]
        if after:
            titles = list(dropwhile(lambda title: title.id != after, titles))[1:]
        wanted = " " + " ".join(prefix.casefold().split())
        return list(islice((title for title in titles if wanted in f" {title.title.casefold()}"), limit))
