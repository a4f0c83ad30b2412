"""The paths of a command line, looked at before anything long begins; and files written whole."""

from __future__ import annotations

import argparse
import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from index.files import place_beside, replace_whole
from index.sources import CORPUS_FILE, TEXT_SUFFIXES


def input_path(text: str) -> Path:
    """The type of an argument that names what is read."""
    if not text:
        # an empty path would be the folder that one happens to stand in
        raise argparse.ArgumentTypeError("the path is empty: name a file or a folder")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8: rename it") from error
    return Path(text)


def output_path(text: str) -> Path:
    """The type of an argument that names a file to write, tried as far as it can be without a word in it."""
    path = Path(text)
    try:
        place = _in_place(path)
        if place is None:
            beside = place_beside(_target(path))
            beside.touch(exist_ok=False)
            beside.unlink()
        elif place == path and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), text)
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot be written ({error.strerror}): name a file in a folder that exists and is writable"
        ) from error
    return path


def overwritten(outputs: Sequence[Path], inputs: Sequence[Path]) -> str | None:
    """What is wrong where one of `outputs` is another of them, or one of `inputs` or a document in one; or None."""
    for number, output in enumerate(outputs):
        if any(_same(output, other) for other in outputs[:number]):
            return f"{output} is to be written twice: give each output a file of its own"
        if any(_same(output, one) or (_is_document(output) and _lies_in(output, one)) for one in inputs):
            return f"{output} is to be read: write elsewhere"
    return None


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that it is there whole or, at whatever instant it is stopped, as it was before.

    Of a link, the file is written that it leads to. What is no regular file, a pipe or a device, is written into.
    Raises OSError with the name of `path`.
    """
    try:
        place = _in_place(path)
        if place is None:
            replace_whole(_target(path), text.encode())
            return
        # whoever reads a pipe may have enough
        with (
            suppress(BrokenPipeError),
            open(place, "w", encoding="utf-8", newline="", closefd=isinstance(place, Path)) as stream,
        ):
            stream.write(text)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _in_place(path: Path) -> Path | int | None:
    """What to write into, a path or an open descriptor; None where `path` is a regular file or is not there yet."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    for descriptor in (1, 2):
        # /dev/stdout may be a file: opened once more, it would be written over what is printed
        with suppress(OSError):
            if os.path.samestat(found, os.fstat(descriptor)):
                return descriptor
    return None if stat.S_ISREG(found.st_mode) else path


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return _target(one) == _target(other)


def _is_document(path: Path) -> bool:
    return path.suffix.lower() in TEXT_SUFFIXES or path.name == CORPUS_FILE


def _lies_in(path: Path, folder: Path) -> bool:
    return _target(folder) in _target(path).parents
