"""Paths on a command line, checked before anything long begins, and atomic writing of output files."""

import argparse
import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from index.files import place_beside, replace_whole
from index.sources.read import CORPUS_FILE, TEXT_SUFFIXES


def input_path(text: str) -> Path:
    """The argparse type of a path that is read."""
    if not text:
        # an empty path would be the current folder
        raise argparse.ArgumentTypeError("the path is empty: name a file or a folder")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8: rename it") from error
    return Path(text)


def output_path(text: str) -> Path:
    """The argparse type of a file that is written. It tries the folder, but writes nothing into the file."""
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
    """The problem if an output is another output, an input, or a document in one; None if there is no problem."""
    for number, output in enumerate(outputs):
        if any(_same(output, other) for other in outputs[:number]):
            return f"{output} is to be written twice: give each output a file of its own"
        is_document = output.suffix.lower() in TEXT_SUFFIXES or output.name == CORPUS_FILE
        if any(_same(output, one) or (is_document and _target(one) in _target(output).parents) for one in inputs):
            return f"{output} is to be read: write elsewhere"
    return None


def write_whole(path: Path, text: str) -> None:
    """Writes a file atomically: at any instant it has either its old or its new content.

    A link stays, and the file that it leads to is written. A pipe or a device is written into. Raises OSError with the
    name of `path`.
    """
    try:
        place = _in_place(path)
        if place is None:
            replace_whole(_target(path), text.encode())
            return
        # a reader of a pipe may close it early
        with (
            suppress(BrokenPipeError),
            open(place, "w", encoding="utf-8", newline="", closefd=isinstance(place, Path)) as stream,
        ):
            stream.write(text)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _in_place(path: Path) -> Path | int | None:
    """The path or open descriptor to write into; None if `path` is a regular file or is not there yet."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    for descriptor in (1, 2):
        # /dev/stdout may be a regular file: opening it again would overwrite the lines already printed
        with suppress(OSError):
            if os.path.samestat(status, os.fstat(descriptor)):
                return descriptor
    return None if stat.S_ISREG(status.st_mode) else path


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _same(a: Path, b: Path) -> bool:
    try:
        return os.path.samefile(a, b)
    except OSError:
        return _target(a) == _target(b)
