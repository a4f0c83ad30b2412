"""The widget on another origin: an embed token, signed by the host's server, is exchanged for a session's token."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

import jwt

from ui.access import Person
from ui.keyring import Keyring

EMBED, SESSION = "quoth-embed", "quoth-session"
"""The audiences of the two kinds of tokens: neither is taken for the other."""
LONGEST = 300
"""Seconds for which an embed token may hold, at most."""
SESSION_SECONDS = 900

_ALGORITHM = "HS256"
_SCOPES = frozenset({"ask", "read", "feedback"})
_CLOCKS = 30
"""Seconds by which the host's clock may differ."""


class Embedding:
    """Knows the tokens of the widget. A token is good on one origin alone, and an embed token once."""

    def __init__(self, secret: bytes, origins: tuple[str, ...], keyring: Keyring) -> None:
        self._secret = secret
        self._origins = origins
        self._keyring = keyring

    def exchange(self, token: str, origin: str | None) -> str | None:
        """The session's token for an embed token; None for one that is expired, altered, used or from elsewhere.

        An embed token is a JWT (RFC 7519), HS256, with aud "quoth-embed", sub (the person), origin (of the page that
        the widget is on), iat, exp (LONGEST seconds later at most), jti (never the same twice), and maybe groups.
        """
        claims = self._claims(token, EMBED, ("sub", "origin", "iat", "exp", "jti"))
        if claims is None or claims["exp"] - claims["iat"] > LONGEST or not self._at_home(claims, origin):
            return None
        if not self._keyring.spend(claims["jti"], int(claims["exp"]) + _CLOCKS):
            return None
        now = int(time.time())
        kept = {name: claims[name] for name in ("sub", "origin", "groups") if name in claims}
        session = {**kept, "aud": SESSION, "iat": now, "exp": now + SESSION_SECONDS, "jti": secrets.token_hex(8)}
        return jwt.encode(session, self._secret, _ALGORITHM)

    def person(self, token: str, origin: str | None) -> Person | None:
        """Whose session a token is."""
        claims = self._claims(token, SESSION, ("sub", "origin", "exp"))
        if claims is None or not self._at_home(claims, origin):
            return None
        return Person(claims["sub"], frozenset(claims.get("groups", ())), _SCOPES)

    def _claims(self, token: str, audience: str, needed: tuple[str, ...]) -> Mapping[str, Any] | None:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=audience,
                leeway=_CLOCKS if audience == EMBED else 0,
                options={"require": ["aud", *needed]},
            )
        except jwt.InvalidTokenError:
            return None
        groups = claims.get("groups", [])
        texts = all(isinstance(claims[name], str) and claims[name] for name in needed if name not in ("iat", "exp"))
        listed = isinstance(groups, list) and all(isinstance(group, str) for group in groups)
        return claims if texts and listed else None

    def _at_home(self, claims: Mapping[str, Any], origin: str | None) -> bool:
        return origin is not None and claims["origin"] == origin and origin in self._origins
