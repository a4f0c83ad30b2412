"""Reads a text file, plain or Markdown, as a document, together with the metadata file beside it."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

from index.errors import SourceError
from index.sources.metadata import check_metadata, check_plain, merged, part_front_matter
from index.strict_json import NotStrictJson, parse_json
from index.types import Document

METADATA_SUFFIX = ".meta.json"
LONGEST_LINE = 1_000_000
"""Characters. A longer line is data, not prose, and would be cut into sentences that nobody wrote."""

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_MARKDOWN_TITLE = re.compile(r"^#[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)


def read_text_file(file: Path, *, language: str = "en") -> Document:
    """Reads the document in `file`. Newlines are kept; a UTF-8 signature at the start is not part of the text.

    A metadata file NAME.txt.meta.json beside NAME.txt is optional. It is a JSON object with any of title, date (ISO
    8601), source (a URL, or null if not stated), language, groups (who may read it; without them, everyone) and
    examples (questions). Groups and examples are lists of strings. A Markdown file may have the same keys in front
    matter, which is not part of the text. Raises SourceError, also if the metadata file and the front matter differ.
    """
    text = decode(read_bytes(file), file)
    front: dict[str, Any] = {}
    if _is_markdown(file):
        front, text = part_front_matter(text, str(file))
    else:
        check_plain(text, str(file))
    check_text(text, str(file))
    beside = file.with_name(file.name + METADATA_SUFFIX)
    known = merged(front, _metadata(beside), str(file), str(beside))
    return Document.of(
        text,
        title=known.get("title") or _title(file, text),
        source=known["source"] if "source" in known else str(file),
        date=known.get("date"),
        language=known.get("language") or language,
        groups=tuple(known.get("groups", ())),
        examples=tuple(known.get("examples", ())),
    )


def read_bytes(file: Path) -> bytes:
    try:
        str(file).encode()
    except UnicodeEncodeError as error:
        raise SourceError(f"{file}: its name is not UTF-8", "Rename it") from error
    try:
        return file.read_bytes()
    except OSError as error:
        raise SourceError(f"{file}: {error.strerror}", "Make it a readable file or leave it out") from error


def decode(data: bytes, file: Path) -> str:
    """Decodes `data` as strict UTF-8. Raises SourceError, which names the file and the first wrong byte."""
    nul = data.find(0)
    if nul >= 0:
        raise SourceError(
            f"{file}: byte {nul} is 0x00, so this is not a text in UTF-8",
            "Save it as plain text in UTF-8 or leave it out",
        )
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{file}: byte {error.start} is 0x{data[error.start]:02x}, which is not UTF-8 there",
            "Save it in UTF-8 (iconv -f latin1 -t utf-8 turns Latin-1 into it) or leave it out",
        ) from error


def check_text(text: str, where: str) -> None:
    """Raises SourceError if `text` cannot be a document: it is blank, or has a line too long for prose."""
    if not text.strip():
        raise SourceError(f"{where}: it is empty", "Give it some text or leave it out")
    for number, line in enumerate(_LINE_BREAK.split(text), start=1):
        if len(line) > LONGEST_LINE:
            raise SourceError(
                f"{where}: line {number} is {len(line):,} characters long, more than the {LONGEST_LINE:,} "
                "that a line of prose can be",
                "Break it into lines or leave it out",
            )


def _metadata(file: Path) -> dict[str, Any]:
    try:
        if not file.exists():
            return {}
    except OSError as error:
        # no file can have a name this long
        if error.errno == errno.ENAMETOOLONG:
            return {}
        raise SourceError(f"{file}: {error.strerror}", "Make it readable") from error
    text = decode(read_bytes(file), file)
    try:
        known = parse_json(text)
    except NotStrictJson as error:
        raise SourceError(f"{file}: {error}", "Correct the metadata file") from error
    if not isinstance(known, dict):
        raise SourceError(f"{file}: expected a JSON object", "Correct the metadata file")
    check_metadata(known, str(file), "Correct the metadata file")
    return known


def _title(file: Path, text: str) -> str:
    heading = _MARKDOWN_TITLE.search(_FENCED.sub("", text)) if _is_markdown(file) else None
    return heading[1] if heading else re.sub(r"[_\s]+", " ", file.stem).strip() or file.name


def _is_markdown(file: Path) -> bool:
    return file.suffix.lower() in (".md", ".markdown")
