"""The journal: what was asked, whether it was answered, and what people thought of it, in one small SQLite file."""

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

FORMAT = 1

_MARK = 0x71756F74
"""Written into the file's header (PRAGMA application_id), so that no other program's database is taken for ours."""
_PATIENCE = 5.0
"""Seconds for which another process that is writing is waited for."""
_DAY = 86_400

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
SELECT id, question, answered, comment, edition, at FROM asked
WHERE (NOT answered OR verdict = 'down') AND at >= ? ORDER BY at, id
"""


@dataclass(frozen=True, slots=True)
class Gap:
    """A question that the documents, or quoth, did not answer well. Who asked it is not said."""

    id: str
    """That of the answer's row."""
    question: str
    reason: Literal["unanswered", "down"]
    """It was not answered, or it was and somebody thought little of the answer."""
    comment: str
    """What was said about it; empty where nothing was."""
    edition: str
    at: float
    """When it was asked, in seconds since 1970."""


class Journal:
    """An open journal. May be used by several threads, and its file by several processes, at once.

    What a method wrote when it returns survives whatever becomes of the process. Feedback, and what was asked before
    it, is on the disk as well and survives the machine; waiting for the disk with each question would take longer
    than answering it does. Every method raises SettingsError where the file can no longer be read or written.
    """

    def __init__(self, file: Path, database: sqlite3.Connection, *, days: int, named: bool) -> None:
        self._file = file
        self._database = database
        self._days = days
        self._named = named
        self._lock = threading.Lock()
        self._forgot = 0.0

    @classmethod
    def open(cls, file: Path, *, days: int, named: bool) -> Journal:
        """The journal in `file`, which is made if there is none.

        What is older than `days`, at least 1, is forgotten now and once a day of use, and what was answered already
        when it is a day old, unless somebody said what they thought of the answer. A user's name is kept only where
        `named`. Raises SettingsError where it cannot be written, is damaged or is something else.
        """
        with _told(file), locked(file.parent):
            _make_private(file)
            database = _connect(file)
            try:
                _prepare(file, database)
                journal = cls(file, database, days=days, named=named)
                journal._forget(_now())
            except BaseException:
                database.close()
                raise
            return journal

    def asked(
        self, row_id: str, question: str, answered: bool, confidence: float, edition: str, user: str | None
    ) -> None:
        """Writes down that `question` was asked, by whom, and whether the documents answered."""
        now = _now()
        row = (row_id, now, question, answered, confidence, edition, self._name(user))
        with self._lock, _told(self._file):
            if now - self._forgot >= _DAY:
                self._forget(now)
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(
                "INSERT INTO asked (id, at, question, answered, confidence, edition, user) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def feedback(self, row_id: str, verdict: Literal["up", "down"], comment: str, user: str | None) -> bool:
        """Writes down what was thought of an answer, in place of what was thought before.

        False where no such answer is known, or another user asked: which of the two is not said.
        """
        with self._lock, _told(self._file):
            self._database.execute("PRAGMA synchronous = FULL")
            done = self._database.execute(
                "UPDATE asked SET verdict = ?, comment = ? WHERE id = ? AND user IS ?",
                (verdict, comment, row_id, self._name(user)),
            )
            return done.rowcount == 1

    def gaps(self) -> list[Gap]:
        """The questions that were not answered or whose answer was thought little of, oldest first."""
        with self._lock, _told(self._file):
            return _gaps(self._database, self._days)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def _name(self, user: str | None) -> str | None:
        return user if self._named else None

    def _forget(self, now: float) -> None:
        # an answer of which nobody said what they think is there only for feedback to name it, and that comes soon
        self._database.execute(
            "DELETE FROM asked WHERE at < ? OR (at < ? AND answered AND verdict IS NULL)",
            (now - self._days * _DAY, now - _DAY),
        )
        # what was deleted stands in the write-ahead log until that is begun anew; a reader may be in the way
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._forgot = now


def read_gaps(file: Path, *, days: int) -> list[Gap]:
    """The gaps of the last `days` in the journal in `file`, which is neither made nor changed.

    Raises SettingsError where there is none, or it is damaged or something else.
    """
    with _told(file):
        if not file.exists():
            raise SettingsError(f"there is no journal {file}", "Name the one that quoth serve keeps")
        with closing(_connect(file)) as database:
            if not _is_ours(file, database):
                raise _foreign(file)
            return _gaps(database, days)


def _gaps(database: sqlite3.Connection, days: int) -> list[Gap]:
    # what is older is forgotten only where somebody asks something
    return [
        Gap(id, question, "down" if answered else "unanswered", comment, edition, at)
        for id, question, answered, comment, edition, at in database.execute(_GAPS, (_now() - days * _DAY,))
    ]


def _make_private(file: Path) -> None:
    """SQLite gives the files beside it the permissions of this one."""
    # not opened where it is there: closing any descriptor of a database drops the locks that this process has on it
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if not stat.S_ISREG(file.stat().st_mode):
        raise _foreign(file)


def _connect(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(
        f"{file.resolve().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        # what is forgotten is overwritten, too
        database.executescript("PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;")
    except BaseException:
        database.close()
        raise
    return database


def _prepare(file: Path, database: sqlite3.Connection) -> None:
    """Checks what is in the file; where that is nothing, makes it a journal."""
    if not _is_ours(file, database):
        (objects,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if objects or _pragma(database, "application_id") or _pragma(database, "user_version"):
            raise _foreign(file)
        database.executescript(_SCHEMA)
    if (mode := _pragma(database, "journal_mode = WAL")) != "wal":
        raise SettingsError(
            f"the journal {file} cannot have a write-ahead log there (SQLite says {mode!r})", "Keep it on a local disk"
        )
    for path in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
        with suppress(FileNotFoundError):
            path.chmod(0o600)


def _is_ours(file: Path, database: sqlite3.Connection) -> bool:
    """Whether it is a journal. Raises SettingsError where it is one, but damaged or another version's."""
    if _pragma(database, "application_id") != _MARK:
        return False
    if (version := _pragma(database, "user_version")) != FORMAT:
        raise SettingsError(
            f"the journal {file} has format {version}, expected {FORMAT}: another version of quoth wrote it",
            "Move it away, and a new one is begun",
        )
    if (found := _pragma(database, "quick_check(1)")) != "ok":
        raise _damaged(file, str(found))
    return True


def _pragma(database: sqlite3.Connection, pragma: str) -> object:
    (value,) = database.execute(f"PRAGMA {pragma}").fetchone()
    return value


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Has what the disk and SQLite complain of said as a SettingsError."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.OperationalError as error:
        raise SettingsError(
            f"the journal {file} cannot be used ({error})", "See that it can be written and that there is room"
        ) from error
    except sqlite3.DatabaseError as error:
        raise _damaged(file, str(error)) from error
    except OSError as error:
        raise SettingsError(
            f"the journal {file} cannot be written ({error.strerror})", "Keep it in a folder that is there and writable"
        ) from error


def _foreign(file: Path) -> SettingsError:
    return SettingsError(f"{file} is not a journal of quoth's", "Name another file for it")


def _damaged(file: Path, why: str) -> SettingsError:
    return SettingsError(
        f"{file} is damaged or not a journal of quoth's ({why})", "Move it away, and a new one is begun"
    )


def _now() -> float:
    return time.time()
