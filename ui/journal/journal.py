"""The journal: questions, whether they were answered, and feedback on the answers, in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from index.errors import SettingsError
from ui.access.private_files import locked

FILE = "journal.sqlite"
"""The journal's name in the data folder."""
FORMAT = 1

_MARK = 0x71756F74
"""Our PRAGMA application_id, so that another program's database is not taken for a journal."""
_LOCK_SECONDS = 5.0
"""How long to wait for another process that is writing."""
_DAY = 86_400
_BEGIN_ANEW = "Move it away, and quoth serve begins a new one"

_SCHEMA = f"""
BEGIN;
CREATE TABLE asked (
    id TEXT PRIMARY KEY,
    at REAL NOT NULL,
    question TEXT NOT NULL,
    answered INTEGER NOT NULL CHECK (answered IN (0, 1)),
    confidence REAL NOT NULL,
    edition TEXT NOT NULL,
    user TEXT,
    verdict TEXT CHECK (verdict IN ('up', 'down')),
    comment TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX asked_at ON asked (at);
PRAGMA application_id = {_MARK};
PRAGMA user_version = {FORMAT};
COMMIT;
"""
_GAPS = """
SELECT id, question, CASE WHEN answered THEN 'down' ELSE 'unanswered' END, comment, edition, at FROM asked
WHERE (NOT answered OR verdict = 'down') AND at >= ? ORDER BY at, id
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """A question without an answer, or with negative feedback on it. It does not say who asked."""

    id: str
    """The id of the answer's row."""
    question: str
    reason: Literal["unanswered", "down"]
    """Not answered, or answered with negative feedback."""
    comment: str
    """The feedback's comment; empty if there is none."""
    edition: str
    at: float
    """When it was asked, in seconds since 1970."""


class Journal:
    """An open journal. Several threads may share one, and several processes may share its file.

    Once a method returns, its change survives a crash of the process. Feedback and all questions before it also
    survive a crash of the machine. A single question is not flushed to the disk, because that would take longer than
    answering it. Every method raises SettingsError if the file can no longer be read or written.
    """

    def __init__(self, file: Path, database: sqlite3.Connection, *, days: int, named: bool) -> None:
        self._file = file
        self._database = database
        self._days = days
        self._named = named
        self._lock = threading.Lock()
        self._cleaned = 0.0

    @classmethod
    def open(cls, file: Path, *, days: int, named: bool) -> Journal:
        """Opens the journal in `file`, or creates it. Users' names are stored only if `named`.

        Questions older than `days` (at least 1) are deleted now, and later once a day when a question comes. Answered
        questions without feedback are deleted after one day. Raises SettingsError if the file cannot be written, is
        damaged, or is not a journal.
        """
        with _errors_of(file), locked(file.parent):
            _create(file)
            database = _connect(file)
            try:
                _prepare(file, database)
                journal = cls(file, database, days=days, named=named)
                journal._delete_old(_now())
            except BaseException:
                database.close()
                raise
            return journal

    def asked(
        self, row_id: str, question: str, answered: bool, confidence: float, edition: str, user: str | None
    ) -> None:
        """Records a question and whether it was answered."""
        now = _now()
        with self._lock, _errors_of(self._file):
            if now - self._cleaned >= _DAY:
                self._delete_old(now)
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(
                "INSERT INTO asked (id, at, question, answered, confidence, edition, user) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (row_id, now, question, answered, confidence, edition, self._name(user)),
            )

    def feedback(self, row_id: str, verdict: Literal["up", "down"], comment: str, user: str | None) -> bool:
        """Records feedback on an answer, in place of earlier feedback.

        False if the answer is unknown or was given to another user; the caller cannot tell which.
        """
        with self._lock, _errors_of(self._file):
            self._database.execute("PRAGMA synchronous = FULL")
            cursor = self._database.execute(
                "UPDATE asked SET verdict = ?, comment = ? WHERE id = ? AND user IS ?",
                (verdict, comment, row_id, self._name(user)),
            )
            return cursor.rowcount == 1

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _name(self, user: str | None) -> str | None:
        return user if self._named else None

    def _delete_old(self, now: float) -> None:
        # an answered question is kept only so that feedback can refer to it, which comes soon or never
        self._database.execute(
            "DELETE FROM asked WHERE at < ? OR (at < ? AND answered AND verdict IS NULL)",
            (now - self._days * _DAY, now - _DAY),
        )
        # deleted text stays in the write-ahead log until it is truncated; an open reader delays that to the next time
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._cleaned = now


def read_gaps(file: Path, *, days: int) -> list[Gap]:
    """The gaps of the last `days` in the journal in `file`, oldest first. The file is not changed.

    Raises SettingsError if there is no such file, or if it is damaged or not a journal.
    """
    with _errors_of(file):
        if not file.exists():
            raise SettingsError(f"there is no journal {file}", "Set QUOTH_DATA to the data folder of quoth serve")
        with closing(_connect(file)) as database:
            if not _is_journal(file, database):
                raise _foreign(file)
            # older rows are deleted only when a question comes, so they are left out here
            return [Gap(*row) for row in database.execute(_GAPS, (_now() - days * _DAY,))]


def _create(file: Path) -> None:
    """Creates the file if it is missing, for its owner only. SQLite gives the files beside it the same permissions."""
    # an existing file is not opened: closing any descriptor of a database drops this process's locks on it
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if not stat.S_ISREG(file.stat().st_mode):
        raise _foreign(file)


def _connect(file: Path) -> sqlite3.Connection:
    location = f"{file.resolve().as_uri()}?mode=rw"
    return sqlite3.connect(location, uri=True, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False)


def _prepare(file: Path, database: sqlite3.Connection) -> None:
    """Checks that the file is a journal. If it is empty, creates the tables."""
    if not _is_journal(file, database):
        if file.stat().st_size:
            raise _foreign(file)
        database.executescript(_SCHEMA)
    _pragma(database, "journal_mode = WAL")
    # overwrites deleted text
    _pragma(database, "secure_delete = ON")
    for path in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        with suppress(FileNotFoundError):
            path.chmod(0o600)


def _is_journal(file: Path, database: sqlite3.Connection) -> bool:
    """Whether the file is a journal. Raises SettingsError if it is damaged or has another format."""
    database.execute("PRAGMA trusted_schema = OFF")
    if _pragma(database, "application_id") != _MARK:
        return False
    if (version := _pragma(database, "user_version")) != FORMAT:
        raise SettingsError(f"the journal {file} has format {version}, this quoth reads format {FORMAT}", _BEGIN_ANEW)
    if (problem := _pragma(database, "quick_check(1)")) != "ok":
        raise SettingsError(f"the journal {file} is damaged ({problem})", _BEGIN_ANEW)
    return True


def _pragma(database: sqlite3.Connection, pragma: str) -> object:
    (value,) = database.execute(f"PRAGMA {pragma}").fetchone()
    return value


@contextmanager
def _errors_of(file: Path) -> Iterator[None]:
    """Turns errors of the disk and of SQLite into SettingsError."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(
            f"the journal {file} cannot be used ({reason})",
            "Set QUOTH_DATA to a writable folder with room on the disk. If the journal is damaged: " + _BEGIN_ANEW,
        ) from error


def _foreign(file: Path) -> SettingsError:
    return SettingsError(f"{file} is not a journal of quoth's", "Move it away, or set QUOTH_DATA to another folder")


def _now() -> float:
    return time.time()
