"""File operations: atomic writing, flushing to disk, sha256."""

import hashlib
import os
import secrets
from pathlib import Path


def replace_whole(file: Path, content: bytes) -> None:
    """Writes `file` atomically: after a crash at any instant it holds the old content or the new. Raises OSError."""
    temporary = place_beside(file)
    try:
        temporary.write_bytes(content)
        flush(temporary)
        temporary.replace(file)
        flush(file.parent)
    finally:
        temporary.unlink(missing_ok=True)


def place_beside(file: Path) -> Path:
    """A new name in the same folder, to write to before `file` is replaced."""
    # not derived from the file's name, which may already have the maximum length
    return file.with_name(f".quoth-{secrets.token_hex(8)}")


def flush(path: Path) -> None:
    """Makes the content of `path`, a file or a folder, survive a crash. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(file: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal. Raises OSError."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
