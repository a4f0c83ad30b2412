"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def replace_whole(file: Path, content: bytes) -> None:
    """Writes `file` so that it is there whole or, at whatever instant this is stopped, as it was before."""
    beside = place_beside(file)
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def place_beside(file: Path) -> Path:
    """A new name in the same folder, to write to before `file` is replaced."""
    # of a length of its own, since the file's may be the longest that a name can have
    return file.with_name(f".quoth-{secrets.token_hex(8)}")
