"""Metadata files: report.txt.meta.json beside report.txt says what is known of it."""

import errno
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from index.errors import SourceError
from index.sources.decode import check_prose, parse_object, read_utf8
from index.sources.metadata import Metadata, shown
from index.types import Document

METADATA_SUFFIX = ".meta.json"

_REMEDY = "Correct the metadata file"


def describe(file: Path, text: str, language: str, front: Mapping[str, Any], heading: str = "") -> Document:
    """The document with this text of `file`, and what `front`, its front matter, and its metadata file state.

    If they state no title, the title is the heading or else the file's name. Raises SourceError if the two have
    different values for a key, or if the text is not prose.
    """
    check_prose(text, str(file))
    beside = file.with_name(file.name + METADATA_SUFFIX)
    values = _read(beside)
    for key in front.keys() & values.keys():
        first, second = front[key], values[key]
        if (set(first) != set(second)) if key == "groups" else first != second:
            raise SourceError(
                f"{key} is {shown(first)} in the front matter of {file}, but {shown(second)} in {beside}",
                "Set it in one place, or to the same value in both",
            )
    metadata = Metadata.model_validate({**front, **values})
    return Document.of(
        text,
        title=metadata.title or heading or re.sub(r"[_\s]+", " ", file.stem).strip() or file.name,
        source=metadata.source if "source" in metadata.model_fields_set else str(file),
        date=metadata.date,
        language=metadata.language or language,
        groups=tuple(metadata.groups),
        examples=tuple(metadata.examples),
    )


def _read(file: Path) -> dict[str, Any]:
    """The values in the metadata file; none if there is no such file."""
    try:
        file.stat()
    except OSError as error:
        # no file can have a name that is too long; read_utf8 reports any other problem
        if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            return {}
    values = parse_object(read_utf8(file), str(file), _REMEDY)
    Metadata.checked(values, str(file), _REMEDY)
    return values
