"""Metadata of a document, from a metadata file beside it or from front matter at the start of a Markdown file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from reprlib import repr as shortened
from typing import Any

import yaml  # type: ignore[import-untyped]

from index.errors import SourceError

LONGEST_FRONT_MATTER = 65_536
"""Characters."""

_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_OPENING = re.compile(r"---[ \t]*(?:\r\n|\r|\n)")
_ALMOST = re.compile(r"---[ \t]*[^-\s]")
_CLOSING = re.compile(r"(?<=[\r\n])---[ \t]*(?:\r\n|\r|\n|\Z)")
_GROUPS = re.compile(r"(?:^|(?<=\r))[ \t]*[\"']?groups?[\"']?[ \t]*:", re.IGNORECASE | re.MULTILINE)
_QUOTES = "Correct the front matter: in YAML, quotes make any value a string"
_RULE = "Write keys and values between two lines ---, or begin the file with a blank line if this is no front matter"


def part_front_matter(text: str, where: str) -> tuple[dict[str, Any], str]:
    """Splits a Markdown text into (metadata, the rest). Front matter is YAML between two lines ---, at the start.

    Raises SourceError if front matter begins but cannot be parsed, because it may say who may read the document.
    """
    opening = _OPENING.match(text)
    where = f"{where}: front matter"
    if not opening:
        if _ALMOST.match(text):
            raise SourceError(f"{where}: its first line has more than ---", _RULE)
        return {}, text
    closing = _CLOSING.search(text, opening.end())
    if not closing:
        raise SourceError(f"{where}: it opens with --- and is not closed", _RULE)
    block = text[opening.end() : closing.start()]
    if len(block) > LONGEST_FRONT_MATTER:
        raise SourceError(f"{where}: it has {len(block):,} characters, more than {LONGEST_FRONT_MATTER:,}", _RULE)
    known = _parse_yaml(block, where)
    check_metadata(known, where, _QUOTES)
    return known, text[closing.end() :]


def check_metadata(known: Mapping[Any, Any], where: str, remedy: str) -> None:
    """Raises SourceError if a value of the metadata has the wrong type or cannot be stored."""
    for key in ("title", "date", "source", "language"):
        if not isinstance(known.get(key), str | None):
            raise SourceError(f"{where}: {key} is {_shown(known[key])}, expected a string", remedy)
        _check_storable(known.get(key) or "", f"{where}: {key}", remedy)
    check_groups(known, where)
    examples = known.get("examples", [])
    if not isinstance(examples, list) or not all(isinstance(example, str) for example in examples):
        raise SourceError(f"{where}: examples is {_shown(examples)}, expected a list of strings", remedy)
    for example in examples:
        _check_storable(example, f"{where}: examples", remedy)
    if known.get("date") is not None and not _is_date(known["date"]):
        raise SourceError(
            f"{where}: date is {_shown(known['date'])}, expected 2024, 2024-06 or 2024-06-18", "Correct it"
        )


def check_groups(known: Mapping[Any, Any], where: str) -> tuple[str, ...]:
    """The groups in `known`; empty: everyone may read. Raises SourceError if the author may have meant others."""
    for key in known:
        if isinstance(key, str) and key != "groups" and key.strip().casefold() in ("group", "groups"):
            raise SourceError(
                f"{where}: the key {_shown(key)} does not say who may read", "Call it groups, or something else"
            )
    if "groups" not in known:
        return ()
    groups = known["groups"]
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise SourceError(
            f"{where}: groups is {_shown(groups)}, expected a list of strings",
            'Write groups as a list of names in quotes, such as ["staff"], or leave it out for everyone',
        )
    if not groups:
        raise SourceError(f"{where}: groups is an empty list, so nobody could read it", "Leave it out for everyone")
    for group in groups:
        if not group or group != group.strip() or "," in group or not group.isprintable():
            raise SourceError(
                f"{where}: groups names {_shown(group)}, which no group can be called",
                "Use a name without commas, without control characters, and without blanks around it",
            )
    return tuple(groups)


def merged(front: Mapping[str, Any], beside: Mapping[str, Any], document: str, file: str) -> dict[str, Any]:
    """The metadata of both. Raises SourceError if they have different values for a key."""
    for key in front.keys() & beside.keys():
        one, other = front[key], beside[key]
        if (set(one) != set(other)) if key == "groups" else one != other:
            raise SourceError(
                f"{key} is {_shown(one)} in the front matter of {document}, but {_shown(other)} in {file}",
                "Set it in one place, or to the same value in both",
            )
    return {**front, **beside}


def _parse_yaml(block: str, where: str) -> dict[Any, Any]:
    try:
        # safe, because _Once is a SafeLoader
        known = yaml.load(block, _Once)
        if isinstance(known, dict) and "date" in known:
            known["date"] = _written(known["date"])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 2}" if mark else ""
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or "no sense"
        raise SourceError(f"{where}: not YAML ({said}{place})", _QUOTES) from error
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        # raised by PyYAML for a date that does not exist, a tag that does not fit, or brackets nested too deep
        raise SourceError(
            f"{where}: not YAML (a value is not what it is marked as, too large, or nested too deep)", _QUOTES
        ) from error
    if not isinstance(known, dict | None):
        raise SourceError(f"{where}: expected keys and values, not {_shown(known)}", _RULE)
    return known or {}


class _Once(yaml.SafeLoader):  # type: ignore[misc]
    """Refuses a key that occurs twice, because nobody can tell which value was meant."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := next((key for place, key in enumerate(keys) if key in keys[:place]), None):
            raise yaml.MarkedYAMLError(problem=f"the key {twice} twice", problem_mark=node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def check_plain(text: str, where: str) -> None:
    """Raises SourceError if a text that is not Markdown begins with front matter that names groups."""
    opening = _OPENING.match(text)
    closing = opening and _CLOSING.search(text, opening.end())
    if opening and closing and _GROUPS.search(text, opening.end(), closing.start()):
        raise SourceError(
            f"{where}: it begins with front matter that names groups, but only Markdown can have front matter",
            "Put the groups into a metadata file beside it, or begin the file with a blank line",
        )


def _written(when: object) -> object:
    """A date as text: YAML turns a date without quotes into a date or a number."""
    if isinstance(when, datetime):
        return when.date().isoformat()
    if isinstance(when, date):
        return when.isoformat()
    return str(when) if isinstance(when, int) and not isinstance(when, bool) else when


def _check_storable(text: str, what: str, remedy: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SourceError(f"{what} holds half of a surrogate pair", remedy) from error


def _shown(value: object) -> str:
    # reprlib, because aliases can make a YAML value contain itself; it raises ValueError for a huge integer
    try:
        return shortened(value)
    except ValueError:
        return "a number without end"


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text + "-01-01"[len(text) - 4 :])
    except ValueError:
        return False
    return True
