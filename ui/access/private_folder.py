"""The folder of what the server keeps: nobody else's to look into, and one process at a time where files are begun."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.errors import SettingsError


def make_private(folder: Path) -> None:
    """Makes the folder, where there is none, and those above it. Raises SettingsError where it cannot be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"data is {folder}, and cannot be made: {error.strerror}", "Set QUOTH_DATA to a folder"
        ) from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time: SQLite does not wait for one that is only beginning to keep a write-ahead log."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
