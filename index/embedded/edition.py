"""Editions: immutable published states of a corpus, with manifest, checksums and atomic publication.

The README of index shows the files. An edition is written to a staging folder, flushed to disk, renamed into place, and
only then pointed to. A crash at any instant leaves the previous edition whole and current.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from index.errors import CorpusBusy, CorpusError, CorpusMissing, EditionDamaged, EditionIncompatible
from index.files import flush, replace_whole, sha256_of

FORMAT = 2
KEPT = 3
"""Editions kept, including the current one."""

_MANIFEST = "manifest.json"
_REBUILD = "Index the documents again with quoth index"


@dataclass(frozen=True, slots=True)
class EncoderId:
    """The encoder that made the vectors."""

    name: str
    checksum: str
    dimension: int


@dataclass(frozen=True, slots=True)
class FileId:
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    format: int
    name: str
    created: str
    """ISO 8601, UTC."""
    parent: str | None
    """The name of the edition before it."""
    encoder: EncoderId
    language: str
    passage_tokens: int
    documents: int
    passages: int
    files: Mapping[str, FileId]


@contextmanager
def drafting(corpus: Path) -> Iterator[Path]:
    """Yields an empty folder to write an edition into, under the corpus's lock; `publish` makes it current.

    Raises CorpusBusy if another process is publishing there, and CorpusError if something cannot be written.
    """
    try:
        (corpus / "editions").mkdir(parents=True, exist_ok=True)
        with (corpus / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left_by_a_crash in corpus.glob(".staging-*"):
                shutil.rmtree(left_by_a_crash)
            # a failure removes the folder, because the disk may be full
            with TemporaryDirectory(prefix=".staging-", dir=corpus, ignore_cleanup_errors=True) as draft:
                yield Path(draft)
    except BlockingIOError as error:
        raise CorpusBusy(f"{corpus}: another process is indexing there", "Wait until it is done") from error
    except OSError as error:
        raise CorpusError(
            f"{corpus}: the corpus cannot be written ({error.strerror})", "Choose another folder or make room"
        ) from error


def publish(
    corpus: Path, draft: Path, *, encoder: EncoderId, language: str, passage_tokens: int, documents: int, passages: int
) -> Manifest:
    """Makes the files in `draft`, a folder that `drafting` gave, the current edition of `corpus`. Raises OSError."""
    created = datetime.now(UTC)
    parent = None
    # a missing or damaged pointer is replaced by the one to the new edition
    with suppress(EditionDamaged):
        parent, _ = _read_pointer(corpus / "current")
    files = {str(file.relative_to(draft)): _identify(file) for file in _files(draft)}
    content = hashlib.sha256(json.dumps({name: file.sha256 for name, file in files.items()}).encode()).hexdigest()
    name, time = f"{created:%Y%m%dT%H%M%S%f}Z-{content[:8]}", created.isoformat(timespec="seconds")
    manifest = Manifest(FORMAT, name, time, parent, encoder, language, passage_tokens, documents, passages, files)
    written = json.dumps(asdict(manifest), indent=2).encode()
    (draft / _MANIFEST).write_bytes(written)
    for path in [*_files(draft), *(folder for folder in draft.rglob("*") if folder.is_dir()), draft]:
        flush(path)
    draft.chmod(0o755)
    draft.rename(corpus / "editions" / manifest.name)
    flush(corpus / "editions")
    replace_whole(corpus / "current", f"{manifest.name} {hashlib.sha256(written).hexdigest()}\n".encode())
    _prune(corpus, manifest.name)
    return manifest


def open_current(corpus: Path) -> tuple[Path, Manifest]:
    """(folder, manifest) of the current edition, after checking each of its files.

    Raises CorpusMissing, EditionDamaged or EditionIncompatible.
    """
    pointer = corpus / "current"
    try:
        pointed, some = pointer.exists(), any((corpus / "editions").glob("*"))
    except OSError as error:
        raise CorpusError(f"{corpus}: the corpus cannot be read ({error.strerror})", "Choose another folder") from error
    if not pointed and some:
        raise EditionDamaged(f"{pointer}: the pointer to the current edition is missing", _REBUILD)
    if not pointed:
        raise CorpusMissing(f"{corpus}: there is no corpus", "Make one with quoth index PATH")
    name, manifest_sha256 = _read_pointer(pointer)
    folder = corpus / "editions" / name
    manifest = _read_manifest(folder / _MANIFEST, manifest_sha256)
    for relative, expected in manifest.files.items():
        _check(folder / relative, expected)
    return folder, manifest


def check_encoder(manifest: Manifest, encoder: EncoderId, corpus: Path) -> None:
    """Raises EditionIncompatible unless this encoder made the edition's vectors."""
    if manifest.encoder != encoder:
        raise EditionIncompatible(
            f"{corpus}: it was indexed with the encoder {manifest.encoder.name!r} "
            f"({manifest.encoder.checksum[:12]}), not with {encoder.name!r} ({encoder.checksum[:12]})",
            f"Choose that encoder, or index the documents again with {encoder.name!r}",
        )


def _read_pointer(pointer: Path) -> tuple[str, str]:
    try:
        name, manifest_sha256 = pointer.read_text(encoding="ascii").split()
    except (OSError, ValueError) as error:
        raise EditionDamaged(f"{pointer}: expected an edition's name and a checksum", _REBUILD) from error
    if not name.replace("-", "").isalnum():
        raise EditionDamaged(f"{pointer}: {name!r} is not the name of an edition", _REBUILD)
    return name, manifest_sha256


def _read_manifest(file: Path, sha256: str) -> Manifest:
    try:
        written = file.read_bytes()
    except OSError as error:
        raise EditionDamaged(f"{file}: {error.strerror}", _REBUILD) from error
    if hashlib.sha256(written).hexdigest() != sha256:
        raise EditionDamaged(f"{file}: its checksum is not the one that the corpus points to", _REBUILD)
    values = json.loads(written)
    # before the other values are read: another format may have others
    if values["format"] != FORMAT:
        problem = f"{file}: the edition has format {values['format']}, this quoth reads format {FORMAT}"
        raise EditionIncompatible(problem, _REBUILD)
    encoder = EncoderId(**values.pop("encoder"))
    files = {name: FileId(**about) for name, about in values.pop("files").items()}
    return Manifest(**values, encoder=encoder, files=files)


def _check(file: Path, expected: FileId) -> None:
    try:
        actual = _identify(file)
    except OSError as error:
        raise EditionDamaged(f"{file}: {error.strerror}", _REBUILD) from error
    if actual.size != expected.size:
        raise EditionDamaged(f"{file}: it has {actual.size} bytes, expected {expected.size}", _REBUILD)
    if actual.sha256 != expected.sha256:
        hashes = f"{actual.sha256[:12]}…, expected {expected.sha256[:12]}…"
        raise EditionDamaged(f"{file}: its sha256 is {hashes}, so it was changed", _REBUILD)


def _identify(file: Path) -> FileId:
    return FileId(file.stat().st_size, sha256_of(file))


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _prune(corpus: Path, current: str) -> None:
    """Removes all but the last few editions. Names begin with a time, so they sort by age."""
    others = sorted(folder for folder in (corpus / "editions").iterdir() if folder.name != current)
    for folder in others[: -(KEPT - 1)]:
        # the new edition is current already; the next publication removes what cannot be removed now
        shutil.rmtree(folder, ignore_errors=True)
