"""Reads files line by line: JSON Lines, parsed strictly, and plain lines; with the file and number of each line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from index.errors import QuestionSetError
from index.sources.decode import read_utf8
from index.strict_json import NotStrictJson, parse_json


def read_lines(path: Path) -> list[tuple[str, str]]:
    """(FILE:NUMBER, line) of each line that is not blank. Raises SourceError if the file cannot be read."""
    lines = enumerate(read_utf8(path).split("\n"), start=1)
    return [(f"{path}:{number}", line) for number, line in lines if line.strip()]


def read_values(path: Path) -> Iterator[tuple[str, Any]]:
    """(FILE:NUMBER, value) of each line of JSON. Raises SourceError, or QuestionSetError, which names the line."""
    for place, line in read_lines(path):
        try:
            value = parse_json(line)
        except NotStrictJson as error:
            raise QuestionSetError(f"{place} is {error}", "Write one JSON object a line") from error
        yield place, value


def read_rows(path: Path, *texts: str) -> Iterator[dict[str, Any]]:
    """The object of each line, in which each of these keys must hold a text. Raises what read_values raises."""
    for place, row in read_values(path):
        if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in texts):
            raise QuestionSetError(f"{place} is no object with a text for {' and '.join(texts)}", "Correct the line")
        yield row
