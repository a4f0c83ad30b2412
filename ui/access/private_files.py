"""Private files of the server: its data folder, the secrets that settings name, and SQLite databases."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from index.errors import SettingsError

SHORTEST_SECRET = 32
"""In bytes. HS256 signs with such a secret; RFC 7518, section 3.2, wants a key at least as long as its hash."""
_LOCK_SECONDS = 5.0
"""How long to wait for another process that is writing."""
_BEGIN_ANEW = "Move it away, and quoth begins a new one"


def make_private(folder: Path) -> None:
    """Makes `folder` and those above it, if missing, with mode 0700. Raises SettingsError if that fails."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"the data folder {folder} cannot be made: {error.strerror}", "Set QUOTH_DATA to a folder"
        ) from error


def read_secret(file: Path, setting: str) -> bytes:
    """The secret in `file`, without the line break at its end. Raises SettingsError, which names `setting`."""
    try:
        secret = file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise SettingsError(f"{setting}: {file}: {error.strerror}", "Name a readable file") from error
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(
            f"{setting}: the secret in {file} has {len(secret)} bytes, expected at least {SHORTEST_SECRET}",
            "Make one with: openssl rand -hex 32",
        )
    return secret


class PrivateDatabase:
    """An open database. Several threads may share one, and several processes may share its file.

    Methods may wait for another process, so none may run on an event loop. Each raises SettingsError if the file can
    no longer be read or written.
    """

    def __init__(
        self, file: Path, schema: str, *, application_id: int = 0, format: int = 0, only_read: bool = False
    ) -> None:
        """Opens `file`, or creates it for its owner alone. `schema` must leave existing tables as they are.

        If `only_read`, the file must exist, and nothing is written: read permission is enough.

        The file's PRAGMA application_id says which program it belongs to. Its PRAGMA user_version holds `format`, the
        version of its tables. Raises SettingsError, and leaves the file unchanged, if an existing file has other values
        or is damaged.
        """
        self._file = file
        self._lock = threading.RLock()
        with self._reported(), _locked(file.parent):
            # touch does not open an existing file: closing a descriptor of one drops all locks of this process on it
            if not only_read:
                file.touch(mode=0o600)
            location = f"{file.resolve().as_uri()}?mode=rw"
            self._database = sqlite3.connect(
                location, uri=True, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._database.execute("PRAGMA trusted_schema = OFF")
                if only_read or file.stat().st_size:
                    self._check(application_id, format)
                else:
                    schema += f"PRAGMA application_id = {application_id}; PRAGMA user_version = {format};"
                if not only_read:
                    self._database.executescript(f"BEGIN; {schema} COMMIT;")
                    self._database.execute("PRAGMA journal_mode = WAL").fetchall()
            except BaseException:
                self._database.close()
                raise

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Runs a statement in a transaction of its own, and returns its rows."""
        with self._lock, self._reported():
            return self._database.execute(statement, values).fetchall()

    def _check(self, application_id: int, format: int) -> None:
        pragmas = ("application_id", "user_version", "quick_check(1)")
        program, version, problem = (self.execute(f"PRAGMA {pragma}")[0][0] for pragma in pragmas)
        if program != application_id:
            raise SettingsError(f"{self._file} belongs to another program", "Move it away, or set another QUOTH_DATA")
        if version != format:
            raise SettingsError(f"{self._file} has format {version}, this quoth reads format {format}", _BEGIN_ANEW)
        if problem != "ok":
            raise SettingsError(f"{self._file} is damaged ({problem})", _BEGIN_ANEW)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Turns errors of the disk and of SQLite into SettingsError."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise SettingsError(
                f"{self._file} cannot be used ({reason})",
                f"Set QUOTH_DATA to a writable folder with room on the disk. If the file is damaged: {_BEGIN_ANEW}",
            ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lets one process at a time create a database: SQLite's timeout does not cover the switch to a write-ahead log."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
