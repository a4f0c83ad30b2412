"""Reads a JSONL corpus: one JSON object per line, with the keys of quoth or of BEIR."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from index.errors import SourceError
from index.sources.metadata import check_groups
from index.sources.text import check_text, decode, read_bytes
from index.strict_json import NotStrictJson, parse_json
from index.types import Document


def read_jsonl(file: Path, *, language: str = "en") -> list[tuple[str, Document]]:
    """Reads one document from each line of `file`, as (doc_id, document).

    A line has the keys "doc_id" or "_id", and "text"; "title" and "groups" are optional. Raises SourceError.
    """
    pairs: list[tuple[str, Document]] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(decode(read_bytes(file), file).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{file}: line {number}"
        record = _parse(line, where)
        doc_id, title, text = _fields(record, where)
        if doc_id in seen:
            raise SourceError(f"{where}: doc_id {doc_id!r} is already on line {seen[doc_id]}", "Make the ids unique")
        seen[doc_id] = number
        check_text(text, where)
        groups = check_groups(record, where)
        source = f"{file}#{doc_id}"
        pairs.append(
            (doc_id, Document.of(text, title=title or doc_id, source=source, language=language, groups=groups))
        )
    if not pairs:
        raise SourceError(f"{file}: it is empty", "Give it at least one line with a document")
    return pairs


def _parse(line: str, where: str) -> dict[str, Any]:
    try:
        record = parse_json(line)
    except NotStrictJson as error:
        raise SourceError(f"{where}: {error}", "Write one JSON object a line") from error
    if not isinstance(record, dict):
        raise SourceError(f"{where}: expected a JSON object", "Write one JSON object a line")
    return record


def _fields(record: Mapping[str, Any], where: str) -> tuple[str, str, str]:
    doc_id = record.get("doc_id", record.get("_id"))
    title, text = record.get("title") or "", record.get("text")
    for key, value in (("doc_id", doc_id), ("title", title), ("text", text)):
        if not isinstance(value, str):
            raise SourceError(f"{where}: {key} is {value!r}, expected a string", "Correct the line")
    assert isinstance(doc_id, str)
    assert isinstance(text, str)
    return doc_id, title, text
