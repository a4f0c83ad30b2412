"""The documents of an evaluation, and the names by which questions and rows refer to them."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath

from index.errors import QuestionSetError
from index.types import Document, Sentence, Span


@dataclass(frozen=True, slots=True)
class Documents:
    """The distinct documents of an evaluation."""

    all: tuple[Document, ...]
    """In reading order; of equal texts, only the first."""
    row_ids: Mapping[str, str]
    """Document.id -> the id that rows give it."""
    by_row_id: Mapping[str, Document]
    """The id that rows give it -> the document."""
    named: Mapping[str, frozenset[str]]
    """A name -> the Document.id of every document with this name."""

    def row_id(self, id: str) -> str:
        """The id that rows give the document with this Document.id."""
        return self.row_ids[id]

    def find(self, name: str | None) -> Document:
        """The document that a question means by `name`.

        The name is a doc_id of corpus.jsonl, a Document.id or the end of a path (a file's name included). The suffix
        may be left out if no other document has the name. A lone document is meant by every name and by none. Raises
        QuestionSetError if the name means no document or several.
        """
        ids = self.named.get(name, frozenset()) if name is not None else frozenset()
        if len(ids) == 1:
            return self.by_row_id[self.row_ids[next(iter(ids))]]
        if len(self.all) == 1:
            return self.all[0]
        named = f"the document {name!r}, which {'several bear' if ids else 'is not among those read'}"
        problem = f"no document, and there are {len(self.all)}" if name is None else named
        raise QuestionSetError(f"it names {problem}", "Give the doc_id of a document that is read")


def name_documents(named: Iterable[tuple[str | PurePath, Document]]) -> Documents:
    """The documents of (doc_id or file, document) pairs. Without a doc_id, rows use Document.id.

    Raises QuestionSetError if there is no document, or if two different texts have one doc_id.
    """
    row_ids: dict[str, str] = {}
    by_row_id: dict[str, Document] = {}
    names: defaultdict[str, set[str]] = defaultdict(set)
    without_suffix: defaultdict[str, set[str]] = defaultdict(set)
    for name, document in named:
        if isinstance(name, str):
            row_id, own_names = name, {name}
            if names[name] - {document.id}:
                raise QuestionSetError(
                    f"the doc_id {name!r} stands before two different texts", "Give every document an id of its own"
                )
        else:
            row_id, own_names = document.id, _ends_of(name)
            for end in _ends_of(name.with_suffix("")):
                without_suffix[end].add(document.id)
        by_row_id.setdefault(row_ids.setdefault(document.id, row_id), document)
        for own_name in (document.id, *own_names):
            names[own_name].add(document.id)
    if not by_row_id:
        raise QuestionSetError("there are no documents to ask", "Name a file, a folder or a corpus.jsonl that has some")
    # a name with its suffix comes before one without
    all_names = {name: frozenset(ids) for name, ids in (without_suffix | names).items()}
    return Documents(tuple(by_row_id.values()), row_ids, by_row_id, all_names)


def read_documents(paths: Sequence[Path], *, language: str = "en") -> Documents:
    """The documents of files, folders and corpus.jsonl files; a folder with a corpus.jsonl is that corpus.

    Raises SourceError if one cannot be read, and QuestionSetError as name_documents does.
    """
    from index.sources.read import CORPUS_FILE, read_each

    # os.path, because a path that is too long is then no file, and read_each reports the problem
    files = [path / CORPUS_FILE if os.path.isfile(path / CORPUS_FILE) else path for path in paths]
    read = read_each(files, language=language)
    return name_documents((file if doc_id is None else doc_id, document) for file, doc_id, document in read)


def sentences_at(document: Document, span: Span) -> Span:
    """Widens a place of a document to whole sentences, without the blanks around them."""
    touched = [sentence.span for sentence in _sentences(document) if sentence.span.overlaps(span)]
    return Span(touched[0].start, touched[-1].end).trimmed(document.text)


@lru_cache(maxsize=256)
def _sentences(document: Document) -> tuple[Sentence, ...]:
    from index.text.sentences import split_sentences

    return split_sentences(document.text, document.language)


def _ends_of(file: PurePath) -> set[str]:
    """The path and all its suffixes: a/b/c, b/c, c."""
    return {file.as_posix(), *("/".join(file.parts[start:]) for start in range(len(file.parts)))}
