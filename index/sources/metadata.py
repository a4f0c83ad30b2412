"""Metadata of a document, validated: title, date, source, language, example questions, and who may read it."""

import re
from collections.abc import Mapping
from datetime import date
from reprlib import repr as shortened
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from index.errors import SourceError

FRONT_MATTER = re.compile(r"---[ \t]*(?:\r\n|\r|\n)(.*?)(?<=[\r\n])---[ \t]*(?:\r\n|\r|\n|\Z)", re.DOTALL)
"""A block between two lines ---, at the start of a text."""

_DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_EXPECTED = {
    "date": "2024, 2024-06 or 2024-06-18",
    "examples": "a list of strings of Unicode characters",
    "groups": "a list of names without commas, control characters, or blanks at their ends",
}
_GROUPS_REMEDY = 'Write groups as a list of names in quotes, such as ["staff"], or leave it out for everyone'


def _storable(text: str) -> str:
    # UnicodeEncodeError is a ValueError, so pydantic reports it
    text.encode()
    return text


def _check_date(text: str) -> str:
    if not _DATE.fullmatch(text):
        # without the text: pydantic cannot encode a half surrogate in a message
        raise ValueError("no date")
    date.fromisoformat(text + "-01-01"[len(text) - 4 :])
    return text


def _check_group(name: str) -> str:
    if not name or name != name.strip() or "," in name or not name.isprintable():
        raise ValueError("no name")
    return name


Text = Annotated[str, AfterValidator(_storable)]


class Access(BaseModel, strict=True):
    """The groups that may read a document. Without groups, everyone may."""

    groups: Annotated[list[Annotated[str, AfterValidator(_check_group)]], Field(min_length=1)] = []

    @classmethod
    def checked(cls, values: Mapping[Any, Any], where: str, remedy: str) -> Self:
        """Validates `values`; unknown keys are ignored.

        Raises SourceError if a value does not fit, and if a key is almost "groups", because it may say who may read.
        """
        for key in values:
            if isinstance(key, str) and key != "groups" and key.strip().casefold() in ("group", "groups"):
                problem = f"{where}: the key {shown(key)} does not say who may read"
                raise SourceError(problem, "Call it groups, or something else")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            key, *inside = first["loc"]
            value = "missing" if first["type"] == "missing" else shown(first["input"])
            expected = _EXPECTED.get(str(key), "a string of Unicode characters")
            raise SourceError(
                f"{where}: {key} {'holds' if inside else 'is'} {value}, expected {expected}",
                _GROUPS_REMEDY if key == "groups" else remedy,
            ) from error


class Metadata(Access):
    """The optional facts about a document, as stated in a metadata file or in front matter."""

    title: Text | None = None
    date: Annotated[str, AfterValidator(_check_date)] | None = None
    source: Text | None = None
    language: Text | None = None
    examples: list[Text] = []


def shown(value: object) -> str:
    """`value` as a message shows it: short, even if a YAML alias makes it contain itself."""
    try:
        return shortened(value)
    except ValueError:
        # Python refuses to write out a huge integer
        return "a number without end"
