"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def replace_whole(file: Path, content: bytes) -> None:
    """Writes `file` so that it is there whole or, at whatever instant this is stopped, as it was before."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
