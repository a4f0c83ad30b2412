"""The documents under evaluation, and the names by which questions and rows speak of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from index.errors import QuestionSetError
from index.types import Document


@dataclass(frozen=True, slots=True)
class Documents:
    """The distinct documents under evaluation."""

    all: tuple[Document, ...]
    """In the order in which they were read; of equal texts, the first."""
    row_ids: Mapping[str, str]
    """Document.id -> the id that rows give it."""
    by_row_id: Mapping[str, Document]
    """The id that rows give it -> the document."""
    named: Mapping[str, frozenset[str]]
    """A name -> the Document.id of everything that bears it."""

    def row_id(self, document: Document) -> str:
        return self.row_ids[document.id]

    def find(self, name: str | None) -> Document:
        """The document that a question means by `name`.

        The name is a doc_id of corpus.jsonl, a Document.id, the end of a path (a file's name included) or a file's
        stem. A lone document is meant by every name and by none. Raises LookupError where it is none or several.
        """
        found = self.named.get(name, frozenset()) if name is not None else frozenset()
        if len(found) == 1:
            return self.by_row_id[self.row_ids[next(iter(found))]]
        if len(self.all) == 1:
            return self.all[0]
        if name is None:
            raise LookupError(f"names no document, and there are {len(self.all)}")
        raise LookupError(
            f"names the document {name!r}, which {'several bear' if found else 'is not among those read'}"
        )


def name_documents(named: Iterable[tuple[str | None, Document]]) -> Documents:
    """The documents of (doc_id or None, document) pairs; where there is no doc_id, rows use Document.id.

    Raises QuestionSetError where there is none, or where two different texts have one doc_id.
    """
    row_ids: dict[str, str] = {}
    by_row_id: dict[str, Document] = {}
    names: dict[str, set[str]] = {}
    for doc_id, document in named:
        row_id = row_ids.setdefault(document.id, doc_id if doc_id is not None else document.id)
        by_row_id.setdefault(row_id, document)
        if doc_id is None:
            bearers = _names_of(document)
        else:
            bearers = {document.id, doc_id}
            if names.get(doc_id, {document.id}) != {document.id}:
                raise QuestionSetError(
                    f"the doc_id {doc_id!r} stands before two different texts", "Give every document an id of its own"
                )
        for name in bearers:
            names.setdefault(name, set()).add(document.id)
    if not by_row_id:
        raise QuestionSetError("there are no documents to ask", "Name a file, a folder or a corpus.jsonl that has some")
    return Documents(
        tuple(by_row_id.values()), row_ids, by_row_id, {name: frozenset(ids) for name, ids in names.items()}
    )


def read_documents(paths: Sequence[Path], *, language: str = "en") -> Documents:
    """The documents of files, folders and corpus.jsonl files; a folder with a corpus.jsonl is that corpus.

    Raises SourceError where one cannot be read, and QuestionSetError as name_documents does.
    """
    from index.sources import read
    from index.sources.jsonl import read_jsonl

    named: list[tuple[str | None, Document]] = []
    for path in paths:
        corpus = path / "corpus.jsonl" if path.is_dir() else path
        if corpus.suffix == ".jsonl" and corpus.is_file():
            named.extend(read_jsonl(corpus, language=language))
        else:
            named.extend((None, document) for document in read([path], language=language))
    return name_documents(named)


def _names_of(document: Document) -> set[str]:
    names = {document.id}
    if document.source is not None:
        path = PurePath(document.source)
        names |= {document.source, path.stem, path.as_posix()}
        names |= {"/".join(path.parts[start:]) for start in range(1, len(path.parts))} | {path.name}
    return names
