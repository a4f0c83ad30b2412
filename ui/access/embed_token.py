"""The widget on another origin: an embed token, signed by the host's server, is exchanged for a session's token."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from typing import Any

import jwt

from ui.access.identify import Person, is_name
from ui.access.keyring import Keyring

EMBED, SESSION = "quoth-embed", "quoth-session"
"""The audiences of the two kinds of tokens: neither is taken for the other."""
LONGEST = 300
"""Seconds for which an embed token may hold, at most."""
SESSION_SECONDS = 900

_ALGORITHM = "HS256"
_SCOPES = frozenset({"ask", "read", "feedback"})
_CLOCKS = 30
"""Seconds by which the host's clock may differ."""
_NEEDED = ("sub", "origin", "iat", "exp", "jti")
_END_OF_TIME = 2**40
"""In seconds since 1970: far off, and small enough to reckon with exactly."""


class Embedding:
    """Knows the tokens of the widget. A token is good on one origin alone, and an embed token once."""

    def __init__(self, secret: bytes, origins: tuple[str, ...], keyring: Keyring) -> None:
        self._secret = secret
        self._origins = origins
        self._keyring = keyring

    async def exchange(self, token: str, origin: str | None) -> str | None:
        """The session's token for an embed token; None for one that is expired, altered, used or from elsewhere.

        An embed token is a JWT (RFC 7519), HS256, with aud "quoth-embed", sub (the person), origin (of the page that
        the widget is on), iat, exp (LONGEST seconds later at most), jti (never the same twice), and maybe groups; sub,
        jti and each of the groups are names, as `ui.access.identify.is_name` has them.
        """
        claims = self._claims(token, EMBED, origin)
        if claims is None:
            return None
        if not await asyncio.to_thread(self._keyring.spend, claims["jti"], int(claims["exp"]) + _CLOCKS):
            return None
        now = int(time.time())
        kept = {name: claims[name] for name in ("sub", "origin", "groups") if name in claims}
        session = {**kept, "aud": SESSION, "iat": now, "exp": now + SESSION_SECONDS, "jti": secrets.token_hex(8)}
        return jwt.encode(session, self._secret, _ALGORITHM)

    def person(self, token: str, origin: str | None) -> Person | None:
        """Whose session a token is."""
        claims = self._claims(token, SESSION, origin)
        return Person(claims["sub"], frozenset(claims.get("groups", ())), _SCOPES) if claims else None

    def _claims(self, token: str, audience: str, origin: str | None) -> Mapping[str, Any] | None:
        """What a token says, if it is all as agreed."""
        if not token.isascii():
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=audience,
                leeway=_CLOCKS if audience == EMBED else 0,
                # a token with both audiences would be taken for either
                options={"require": ["aud", *_NEEDED], "strict_aud": True},
            )
        except (jwt.InvalidTokenError, OverflowError, RecursionError):
            # an infinite number, or brackets nested without end: not every version of the library minds them itself
            return None
        begun, ends, groups = claims["iat"], claims["exp"], claims.get("groups", [])
        moments = all(type(moment) in (int, float) and 0 <= moment < _END_OF_TIME for moment in (begun, ends))
        if not moments or not 0 <= ends - begun <= (LONGEST if audience == EMBED else SESSION_SECONDS):
            return None
        if not isinstance(groups, list) or not all(map(_is_name, (claims["sub"], claims["jti"], *groups))):
            return None
        return claims if origin in self._origins and claims["origin"] == origin else None


def _is_name(claim: object) -> bool:
    return isinstance(claim, str) and is_name(claim)
