"""Markdown, with optional front matter: metadata in YAML between two lines --- at the start of the file."""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from index.errors import SourceError
from index.sources.decode import read_utf8
from index.sources.metadata import FRONT_MATTER, Metadata, shown
from index.sources.sidecar import describe
from index.types import Document

LONGEST_FRONT_MATTER = 65_536
"""Characters."""

_OPENING = re.compile(r"---[ \t]*[\r\n]")
_ALMOST = re.compile(r"---[ \t]*[^-\s]")
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"^#[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_QUOTES = "Correct the front matter: in YAML, quotes make any value a string"
_RULE = "Write keys and values between two lines ---, or begin the file with a blank line if this is no front matter"


def read_markdown(file: Path, language: str) -> Document:
    """Reads Markdown as it is written, without its front matter. Its title is the first heading of level 1.

    Raises SourceError, also if front matter begins but cannot be parsed, because it may say who may read the document.
    """
    front, text = _split(read_utf8(file), f"{file}: front matter")
    heading = _TITLE.search(_FENCED.sub("", text))
    return describe(file, text, language, front, heading[1] if heading else "")


def _split(text: str, where: str) -> tuple[dict[str, Any], str]:
    """(the values in the front matter; the text after it)."""
    front = FRONT_MATTER.match(text)
    if not front:
        if _OPENING.match(text):
            raise SourceError(f"{where}: it opens with --- and is not closed", _RULE)
        if _ALMOST.match(text):
            raise SourceError(f"{where}: its first line has more than ---", _RULE)
        return {}, text
    block = front[1]
    if len(block) > LONGEST_FRONT_MATTER:
        raise SourceError(f"{where}: it has {len(block):,} characters, more than {LONGEST_FRONT_MATTER:,}", _RULE)
    values = _parse(block, where)
    Metadata.checked(values, where, _QUOTES)
    return values, text[front.end() :]


def _parse(block: str, where: str) -> dict[Any, Any]:
    try:
        # safe, because _Once is a SafeLoader
        values = yaml.load(block, _Once)
        if isinstance(values, dict) and "date" in values:
            values["date"] = _date_as_text(values["date"])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 2}" if mark else ""
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "no sense"
        raise SourceError(f"{where}: not YAML ({reason}{line})", _QUOTES) from error
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        # raised by PyYAML for a date that does not exist, a tag that does not fit, or brackets nested too deep
        raise SourceError(
            f"{where}: not YAML (a value is not what it is marked as, too large, or nested too deep)", _QUOTES
        ) from error
    if not isinstance(values, dict | None):
        raise SourceError(f"{where}: expected keys and values, not {shown(values)}", _RULE)
    return values or {}


class _Once(yaml.SafeLoader):  # type: ignore[misc]
    """Refuses a key that occurs twice, because nobody can tell which value was meant."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := next((key for place, key in enumerate(keys) if key in keys[:place]), None):
            raise yaml.MarkedYAMLError(problem=f"the key {twice} twice", problem_mark=node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def _date_as_text(value: object) -> object:
    """YAML turns a date without quotes into a date, a time or a number."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
