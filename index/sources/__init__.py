"""Files and folders become documents: one module a format."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from index.errors import SourceError
from index.sources.jsonl import read_jsonl
from index.sources.text import METADATA_SUFFIX, decode, read_bytes, read_text_file
from index.types import Document

TEXT_SUFFIXES = frozenset({".txt", ".text", ".md", ".markdown"})
CORPUS_FILE = "corpus.jsonl"
SEEDS = Path(__file__).parent.parent.parent / "seeds"
"""The folder of the article that comes with quoth."""


def read(paths: Sequence[Path], *, language: str = "en") -> list[Document]:
    """The documents at `paths`, each a text file, a JSONL corpus or a folder (searched whole, in order of name).

    In a folder, text and Markdown files and files named corpus.jsonl are read, other files and whatever is hidden
    passed over. A text that occurs twice is one document, the first; the groups that may read it are then to be the
    same. Raises SourceError at the first path that cannot be read: a folder is taken whole or not at all; and at a
    metadata file that would be read for no document, since it may say who may read one.
    """
    documents: dict[str, tuple[str, Document]] = {}
    for file, doc_id, document in read_each(paths, language=language):
        here = str(file) if doc_id is None else f"{file}#{doc_id}"
        there, first = documents.setdefault(document.id, (here, document))
        if set(first.groups) != set(document.groups):
            raise SourceError(
                f"{there} and {here} hold the same text, but {_readers(first)} may read the one and "
                f"{_readers(document)} the other",
                "Give them the same groups or leave one out",
            )
    if not documents:
        raise SourceError("no path was named", "Name a file or a folder to read")
    return [document for _, document in documents.values()]


def read_each(paths: Sequence[Path], *, language: str = "en") -> Iterator[tuple[Path, str | None, Document]]:
    """(file, doc_id in a JSONL corpus, document) of everything at `paths`, repetitions included; see read."""
    for path in paths:
        for file in _files(path):
            if file.suffix.lower() == ".jsonl":
                yield from ((file, doc_id, document) for doc_id, document in read_jsonl(file, language=language))
            else:
                yield file, None, read_text_file(file, language=language)


def passed_over(paths: Sequence[Path]) -> list[Path]:
    """The files in the folders among `paths` that read leaves out, but for what is hidden and for metadata."""
    return [
        file
        for path in paths
        if path.is_dir()
        for file in sorted(_walk(path))
        if not _is_readable(file) and not file.name.endswith(METADATA_SUFFIX)
    ]


def _readers(document: Document) -> str:
    return ", ".join(document.groups) if document.groups else "everyone"


def _files(path: Path) -> list[Path]:
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError) as error:
        # ValueError: a path with a NUL in it
        said = error.strerror if isinstance(error, OSError) else "no path"
        raise SourceError(f"{path}: {said}", "Check the path") from error
    if stat.S_ISREG(kind):
        return [path]
    if not stat.S_ISDIR(kind):
        raise SourceError(f"{path}: neither a file nor a folder", "Name a file or a folder")
    found = set(_walk(path))
    files = sorted(file for file in found if _is_readable(file))
    for file in sorted(found):
        _check_belongs(file, found)
    if not files:
        raise SourceError(
            f"{path}: nothing readable in this folder, which should hold "
            f"{', '.join(sorted(TEXT_SUFFIXES))} or {CORPUS_FILE}",
            "Put documents there or name another folder",
        )
    return files


def _check_belongs(file: Path, found: set[Path]) -> None:
    """Raises SourceError where `file` is named like a metadata file, and is that of none of what was `found`."""
    if not file.name.lower().endswith(METADATA_SUFFIX):
        return
    described = file.with_name(file.name[: -len(METADATA_SUFFIX)])
    if not file.name.endswith(METADATA_SUFFIX) or described not in found or described.name == CORPUS_FILE:
        raise SourceError(
            f"{file}: a metadata file, but of no document",
            f"Name it as its document, with {METADATA_SUFFIX} behind (report.txt{METADATA_SUFFIX}), write what it "
            f"says into the lines of a {CORPUS_FILE}, or leave it out",
        )


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename}: {error.strerror}", "Make it readable or leave it out") from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _is_readable(file: Path) -> bool:
    # a pipe would be waited for without end; a link that leads nowhere is to be told, and so let through
    special = file.exists() and not file.is_file()
    return not special and (file.suffix.lower() in TEXT_SUFFIXES or file.name == CORPUS_FILE)


__all__ = [
    "CORPUS_FILE",
    "TEXT_SUFFIXES",
    "decode",
    "passed_over",
    "read",
    "read_bytes",
    "read_each",
    "read_jsonl",
    "read_text_file",
]
