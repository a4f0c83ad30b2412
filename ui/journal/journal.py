"""The journal: questions, whether they were answered, and feedback on the answers, in one SQLite file."""

import os
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Literal

from index.errors import SettingsError
from ui.access.private_files import PrivateDatabase

FILE = "journal.sqlite"
"""The journal's name in the data folder."""
FORMAT = 1

_APPLICATION_ID = 0x71756F74
"""Our PRAGMA application_id, so that another program's database is not taken for a journal."""
_DAY = 86_400

_SCHEMA = """
CREATE TABLE IF NOT EXISTS asked (
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
CREATE INDEX IF NOT EXISTS asked_at ON asked (at);
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


class Journal(PrivateDatabase):
    """An open journal.

    Once a method returns, its change survives a crash of the process. Feedback and all questions before it also
    survive a crash of the machine. A single question is not flushed to the disk, because that would take longer than
    answering it.
    """

    def __init__(self, file: Path, *, days: int, named: bool) -> None:
        """Opens the journal in `file`, or creates it. Users' names are stored only if `named`.

        Questions older than `days` (at least 1) are deleted now, and later once a day when a question comes. Answered
        questions without feedback are deleted after one day. Raises SettingsError if the file cannot be written, is
        damaged, or is not a journal.
        """
        super().__init__(file, _SCHEMA, application_id=_APPLICATION_ID, format=FORMAT)
        self._days = days
        self._named = named
        with self._reported():
            for path in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm"))):
                with suppress(FileNotFoundError):
                    path.chmod(0o600)
        # overwrites deleted text
        self.execute("PRAGMA secure_delete = ON")
        self._delete_old(time())

    def asked(
        self, row_id: str, question: str, answered: bool, confidence: float, edition: str, user: str | None
    ) -> None:
        """Records a question and whether it was answered."""
        now = time()
        insert = (
            "INSERT INTO asked (id, at, question, answered, confidence, edition, user) VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        with self._lock:
            if now - self._cleaned >= _DAY:
                self._delete_old(now)
            self.execute("PRAGMA synchronous = NORMAL")
            self.execute(insert, row_id, now, question, answered, confidence, edition, self._name(user))

    def feedback(self, row_id: str, verdict: Literal["up", "down"], comment: str, user: str | None) -> bool:
        """Records feedback on an answer, in place of earlier feedback.

        False if the answer is unknown or was given to another user; the caller cannot tell which.
        """
        update = "UPDATE asked SET verdict = ?, comment = ? WHERE id = ? AND user IS ? RETURNING id"
        with self._lock:
            self.execute("PRAGMA synchronous = FULL")
            return bool(self.execute(update, verdict, comment, row_id, self._name(user)))

    def _name(self, user: str | None) -> str | None:
        return user if self._named else None

    def _delete_old(self, now: float) -> None:
        # an answered question is kept only so that feedback can refer to it, which comes soon or never
        old = "DELETE FROM asked WHERE at < ? OR (at < ? AND answered AND verdict IS NULL)"
        self.execute(old, now - self._days * _DAY, now - _DAY)
        # deleted text stays in the write-ahead log until it is truncated; an open reader delays that to the next time
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._cleaned = now


def read_gaps(file: Path, *, days: int) -> list[Gap]:
    """The gaps of the last `days` in the journal in `file`, oldest first. A journal is not changed.

    Raises SettingsError if there is no such file, or if it is damaged or not a journal.
    """
    # os.path.exists: a path that cannot be read or is too long is no error there
    if not os.path.exists(file):
        raise SettingsError(f"there is no journal {file}", "Set QUOTH_DATA to the data folder of quoth serve")
    database = PrivateDatabase(file, _SCHEMA, application_id=_APPLICATION_ID, format=FORMAT, only_read=True)
    with closing(database) as journal:
        # older rows are deleted only when a question comes, so they are left out here
        return [Gap(*row) for row in journal.execute(_GAPS, time() - days * _DAY)]
