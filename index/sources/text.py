"""Plain text: any file in UTF-8 that is not of another format."""

import re
from pathlib import Path

from index.errors import SourceError
from index.sources.decode import read_utf8
from index.sources.metadata import FRONT_MATTER
from index.sources.sidecar import describe
from index.types import Document

_GROUPS = re.compile(r"(?:\A|[\r\n])[ \t]*[\"']?groups?[\"']?[ \t]*:", re.IGNORECASE)


def read_text(file: Path, language: str) -> Document:
    """Reads plain text; its title is the file's name. Raises SourceError, also for front matter that names groups."""
    text = read_utf8(file)
    front = FRONT_MATTER.match(text)
    if front and _GROUPS.search(front[1]):
        raise SourceError(
            f"{file}: it begins with front matter that names groups, but only Markdown can have front matter",
            "Put the groups into a metadata file beside it, or begin the file with a blank line",
        )
    return describe(file, text, language, front={})
