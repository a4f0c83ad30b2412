"""API keys, hashed, in one small SQLite file; and which embed tokens were used, so that none is used twice."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import SettingsError
from ui.access.identify import LONGEST_NAME, SCOPES, Person, is_name
from ui.access.private_folder import alone, make_private

FILE = "keys.sqlite"
LONGEST_DAYS = 3660

_PATIENCE = 10.0
"""Seconds for which another process that is writing is waited for."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL, user TEXT NOT NULL, groups TEXT NOT NULL, scopes TEXT NOT NULL,
    made INTEGER NOT NULL, expires INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS spent (id TEXT PRIMARY KEY, expires INTEGER NOT NULL) STRICT;
"""
_KEY = re.compile(r"quoth_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of an API key; the key itself is told once, when it is made."""

    id: str
    user: str
    groups: tuple[str, ...]
    scopes: tuple[str, ...]
    made: int
    """Seconds since 1970, as are the moments below."""
    expires: int


class Keyring:
    """May be used by several threads, and by several processes on one file.

    Every method that looks into the file may wait for another process, so none belongs on an event loop, and raises
    SettingsError where the file can no longer be read or written.
    """

    def __init__(self, file: Path, database: sqlite3.Connection) -> None:
        self._file = file
        self._database = database
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path) -> Keyring:
        """The keyring in `folder`, made where there is none. Raises SettingsError where there can be none."""
        file = folder / FILE
        make_private(folder)
        try:
            with alone(folder):
                file.touch(mode=0o600)
                database = sqlite3.connect(file, timeout=_PATIENCE, check_same_thread=False, isolation_level=None)
                try:
                    database.execute("PRAGMA journal_mode = WAL")
                    database.executescript(_SCHEMA)
                except BaseException:
                    database.close()
                    raise
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(f"{file}: no API keys can be kept there: {error}", "Set QUOTH_DATA") from error
        return cls(file, database)

    def close(self) -> None:
        self._database.close()

    def make(self, user: str, groups: Collection[str], scopes: Collection[str], days: int) -> tuple[Key, str]:
        """A new key and its secret text, which is kept nowhere. Raises SettingsError for what it cannot be."""
        for name in (user, *groups):
            if not is_name(name):
                raise SettingsError(
                    f"{name[:LONGEST_NAME]!r} is no name, expected 1 to {LONGEST_NAME} characters",
                    "Use one without commas, without control characters, and without blanks at its ends",
                )
        if not scopes or not set(scopes) <= SCOPES:
            raise SettingsError(f"the scopes are {', '.join(scopes)!r}", f"Choose of {', '.join(sorted(SCOPES))}")
        if not 0 < days <= LONGEST_DAYS:
            raise SettingsError(f"the key would hold for {days} days, expected 1 to {LONGEST_DAYS}", "Choose fewer")
        id, secret, now = secrets.token_hex(6), secrets.token_urlsafe(32), int(time.time())
        key = Key(id, user, tuple(sorted(set(groups))), tuple(sorted(set(scopes))), now, now + days * 86_400)
        self._change(
            "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?)",
            (id, _hash(secret), user, json.dumps(key.groups), json.dumps(key.scopes), key.made, key.expires),
        )
        return key, f"quoth_{id}_{secret}"

    def keys(self) -> list[Key]:
        """All of them, the oldest first."""
        rows = self._rows("SELECT id, user, groups, scopes, made, expires FROM keys ORDER BY made, id")
        return [_key(*row) for row in rows]

    def revoke(self, id: str) -> bool:
        """Whether there was such a key."""
        return self._change("DELETE FROM keys WHERE id = ?", (id,)) == 1

    def person(self, text: str) -> Person | None:
        """Who holds the key of this text; None for one that is unknown, altered, revoked or expired."""
        match = _KEY.fullmatch(text)
        if not match:
            return None
        rows = self._rows("SELECT id, user, groups, scopes, made, expires, hash FROM keys WHERE id = ?", (match[1],))
        for *row, hash in rows:
            key = _key(*row)
            if hmac.compare_digest(hash, _hash(match[2])) and time.time() < key.expires:
                return Person(key.user, frozenset(key.groups), frozenset(key.scopes))
        return None

    def spend(self, id: str, expires: int) -> bool:
        """Whether the token `id`, which holds until `expires`, was not used before; from now on it was."""
        self._change("DELETE FROM spent WHERE expires < ?", (int(time.time()) - 60,))
        return self._change("INSERT OR IGNORE INTO spent VALUES (?, ?)", (id, expires)) == 1

    def _change(self, statement: str, values: tuple[object, ...]) -> int:
        with self._executed(statement, values) as cursor:
            return cursor.rowcount

    def _rows(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._executed(statement, values) as cursor:
            return cursor.fetchall()

    @contextmanager
    def _executed(self, statement: str, values: tuple[object, ...]) -> Iterator[sqlite3.Cursor]:
        try:
            with self._lock, closing(self._database.execute(statement, values)) as cursor:
                yield cursor
        except sqlite3.Error as error:
            raise SettingsError(
                f"the API keys in {self._file} cannot be used ({error})", "See that it can be written, and its folder"
            ) from error


def _hash(secret: str) -> bytes:
    # 256 random bits cannot be guessed, however fast they are hashed
    return hashlib.sha256(secret.encode()).digest()


def _key(id: str, user: str, groups: str, scopes: str, made: int, expires: int) -> Key:
    return Key(id, user, tuple(json.loads(groups)), tuple(json.loads(scopes)), made, expires)
