"""Reading documents: finds the files in folders, and reads each in its format."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from index.errors import SourceError
from index.sources.jsonl import read_jsonl
from index.sources.markdown import read_markdown
from index.sources.sidecar import METADATA_SUFFIX
from index.sources.text import read_text
from index.types import Document

MARKDOWN_SUFFIXES = frozenset({".md", ".markdown"})
TEXT_SUFFIXES = MARKDOWN_SUFFIXES | {".txt", ".text"}
CORPUS_FILE = "corpus.jsonl"
SEEDS = Path(__file__).parent.parent.parent / "seeds"
"""The folder of the article that comes with quoth."""


def read(paths: Sequence[Path], *, language: str = "en") -> list[Document]:
    """Reads the documents at `paths`: text files, JSONL corpora, and folders with all that is in them, sorted by name.

    In a folder, text files, Markdown files and files named corpus.jsonl are read; other files and hidden ones are
    skipped. A text that occurs twice becomes one document, and both must have the same groups. Raises SourceError if
    any file cannot be read: a folder is never read in part. Also raises it for a metadata file without a document,
    because the file may say who may read one.
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
    """Yields (file, doc_id, document) for all of `paths`, repeated texts too. Only a JSONL corpus has doc_ids."""
    for path in paths:
        for file in _files(path):
            suffix = file.suffix.lower()
            if suffix == ".jsonl":
                yield from ((file, doc_id, document) for doc_id, document in read_jsonl(file, language))
            else:
                yield file, None, (read_markdown if suffix in MARKDOWN_SUFFIXES else read_text)(file, language)


def passed_over(paths: Sequence[Path]) -> list[Path]:
    """The files that `read` skips in the folders among `paths`, without hidden files and metadata files."""
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
        problem = error.strerror if isinstance(error, OSError) else "no path"
        raise SourceError(f"{path}: {problem}", "Check the path") from error
    if stat.S_ISREG(kind):
        return [path]
    if not stat.S_ISDIR(kind):
        raise SourceError(f"{path}: neither a file nor a folder", "Name a file or a folder")
    inside = set(_walk(path))
    files = sorted(file for file in inside if _is_readable(file))
    for file in sorted(inside):
        _check_belongs(file, inside)
    if not files:
        raise SourceError(
            f"{path}: nothing readable in this folder, which should hold "
            f"{', '.join(sorted(TEXT_SUFFIXES))} or {CORPUS_FILE}",
            "Put documents there or name another folder",
        )
    return files


def _check_belongs(file: Path, others: set[Path]) -> None:
    """Raises SourceError if `file` is named like a metadata file, but `others` has no document that it belongs to."""
    if not file.name.lower().endswith(METADATA_SUFFIX):
        return
    described = file.with_name(file.name[: -len(METADATA_SUFFIX)])
    if not file.name.endswith(METADATA_SUFFIX) or described not in others or described.name == CORPUS_FILE:
        raise SourceError(
            f"{file}: a metadata file without a document",
            f"Name it after its document, with {METADATA_SUFFIX} added (report.txt{METADATA_SUFFIX}), move its content "
            f"into the lines of a {CORPUS_FILE}, or leave it out",
        )


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise SourceError(f"{error.filename}: {error.strerror}", "Make it readable or leave it out") from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names if not name.startswith("."))


def _is_readable(file: Path) -> bool:
    # reading a pipe would block; a broken link is let through, so that reading it raises an error
    special = file.exists() and not file.is_file()
    return not special and (file.suffix.lower() in TEXT_SUFFIXES or file.name == CORPUS_FILE)
