"""API keys, stored as hashes in one SQLite file, which also records the embed tokens that were used."""

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from index.errors import SettingsError
from ui.access.person import LONGEST_NAME, Person, is_name
from ui.access.private_files import PrivateDatabase, make_private

FILE = "keys.sqlite"
LONGEST_DAYS = 3660

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, hash BLOB NOT NULL, user TEXT NOT NULL, groups TEXT NOT NULL, scopes TEXT NOT NULL,
    made INTEGER NOT NULL, expires INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS spent (id TEXT PRIMARY KEY, expires INTEGER NOT NULL) STRICT;
"""
_SELECT = "SELECT id, user, groups, scopes, made, expires, hash FROM keys"
_KEY = re.compile(r"quoth_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Key:
    """What is stored about an API key, except its hash. Its secret text is shown once, when the key is made."""

    id: str
    user: str
    groups: tuple[str, ...]
    scopes: tuple[str, ...]
    made: int
    """In seconds since 1970."""
    expires: int
    """In seconds since 1970."""


class Keyring(PrivateDatabase):
    """An open file of API keys."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Opens the keyring in `folder`, or creates both. Raises SettingsError if that fails."""
        make_private(folder)
        return cls(folder / FILE, _SCHEMA)

    def make(self, user: str, groups: Collection[str], scopes: Collection[str], days: int) -> tuple[Key, str]:
        """A new key and its secret text, which is stored nowhere. `scopes` are some of ALL_SCOPES.

        Raises SettingsError for an invalid name or number of days.
        """
        for name in (user, *groups):
            if not is_name(name):
                raise SettingsError(
                    f"{name[:LONGEST_NAME]!r} is not a valid name, expected 1 to {LONGEST_NAME} characters",
                    "Use no commas, no control characters, and no blanks at either end",
                )
        if not 0 < days <= LONGEST_DAYS:
            raise SettingsError(f"the key would be valid for {days} days, expected 1 to {LONGEST_DAYS}", "Set --days")
        id, secret, now = secrets.token_hex(6), secrets.token_urlsafe(32), int(time.time())
        key = Key(id, user, tuple(sorted(set(groups))), tuple(sorted(set(scopes))), now, now + days * 86_400)
        self.execute(
            "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(id, _hash(secret), user, json.dumps(key.groups), json.dumps(key.scopes), key.made, key.expires),
        )
        return key, f"quoth_{id}_{secret}"

    def keys(self) -> list[Key]:
        """All keys, oldest first."""
        return [_key(*row) for row in self.execute(f"{_SELECT} ORDER BY made, id")]

    def revoke(self, id: str) -> bool:
        """Deletes a key. False if there is no such key."""
        return bool(self.execute("DELETE FROM keys WHERE id = ? RETURNING id", id))

    def person(self, text: str) -> Person | None:
        """The holder of the key with this secret text, or None if it is unknown, altered, revoked or expired."""
        match = _KEY.fullmatch(text)
        rows = self.execute(f"{_SELECT} WHERE id = ?", match[1]) if match else []
        for row in rows:
            key, hash = _key(*row), row[-1]
            if match and hmac.compare_digest(hash, _hash(match[2])) and time.time() < key.expires:
                return Person(key.user, frozenset(key.groups), frozenset(key.scopes))
        return None

    def spend(self, id: str, expires: int) -> bool:
        """Marks the token `id`, valid until `expires`, as used. False if it was used before."""
        self.execute("DELETE FROM spent WHERE expires < ?", int(time.time()) - 60)
        return bool(self.execute("INSERT OR IGNORE INTO spent VALUES (?, ?) RETURNING id", id, expires))


def _hash(secret: str) -> bytes:
    # a fast hash is enough: 256 random bits cannot be guessed
    return hashlib.sha256(secret.encode()).digest()


def _key(id: str, user: str, groups: str, scopes: str, made: int, expires: int, hash: bytes) -> Key:
    return Key(id, user, tuple(json.loads(groups)), tuple(json.loads(scopes)), made, expires)
