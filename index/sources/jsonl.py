"""JSONL corpora: one JSON object per line, with the keys of quoth or of BEIR."""

from pathlib import Path

from pydantic import AliasChoices, Field

from index.errors import SourceError
from index.sources.decode import check_prose, parse_object, read_utf8
from index.sources.metadata import Access
from index.types import Document

_REMEDY = "Write one JSON object a line, with doc_id and text"


class _Line(Access):
    doc_id: str = Field(validation_alias=AliasChoices("doc_id", "_id"))
    title: str | None = None
    text: str


def read_jsonl(file: Path, language: str = "en") -> list[tuple[str, Document]]:
    """Reads one document from each line of `file`, as (doc_id, document).

    A line has the keys "doc_id" or "_id", and "text"; "title" and "groups" are optional. Raises SourceError.
    """
    documents: dict[str, tuple[int, Document]] = {}
    for number, written in enumerate(read_utf8(file).split("\n"), start=1):
        if not written.strip():
            continue
        where = f"{file}: line {number}"
        line = _Line.checked(parse_object(written, where, _REMEDY), where, _REMEDY)
        if line.doc_id in documents:
            earlier, _ = documents[line.doc_id]
            raise SourceError(f"{where}: doc_id {line.doc_id!r} is already on line {earlier}", "Make the ids unique")
        check_prose(line.text, where)
        title, source = line.title or line.doc_id, f"{file}#{line.doc_id}"
        document = Document.of(line.text, title=title, source=source, language=language, groups=tuple(line.groups))
        documents[line.doc_id] = number, document
    if not documents:
        raise SourceError(f"{file}: it is empty", "Give it at least one line with a document")
    return [(doc_id, document) for doc_id, (_, document) in documents.items()]
