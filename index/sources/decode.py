"""Decoding: strict UTF-8, strict JSON objects, and a check that a text is prose."""

import re
from pathlib import Path
from typing import Any

from index.errors import SourceError
from index.strict_json import NotStrictJson, parse_json

LONGEST_LINE = 1_000_000
"""Characters. A longer line is data, not prose, and would be cut into sentences that nobody wrote."""

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


def read_utf8(file: Path) -> str:
    """The text of `file`, with its newlines kept. Raises SourceError, as `decode` does."""
    try:
        str(file).encode()
        data = file.read_bytes()
    except UnicodeEncodeError as error:
        raise SourceError(f"{file}: its name is not UTF-8", "Rename it") from error
    except OSError as error:
        raise SourceError(f"{file}: {error.strerror}", "Make it a readable file or leave it out") from error
    return decode(data, file)


def decode(data: bytes, file: Path) -> str:
    """Decodes strict UTF-8, without a signature. Raises SourceError, which names the file and the first wrong byte."""
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


def parse_object(text: str, where: str, remedy: str) -> dict[str, Any]:
    """Parses a JSON object. Raises SourceError if `text` is not one."""
    try:
        values = parse_json(text)
    except NotStrictJson as error:
        raise SourceError(f"{where}: {error}", remedy) from error
    if not isinstance(values, dict):
        raise SourceError(f"{where}: expected a JSON object", remedy)
    return values


def check_prose(text: str, where: str) -> None:
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
