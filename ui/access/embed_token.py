"""Embed tokens: JWTs by which another site's server tells the widget's users apart, and the sessions they open."""

import asyncio
import secrets
import time
from collections.abc import Mapping
from typing import Any

import jwt

from ui.access.keyring import Keyring
from ui.access.person import PERSON, Person, is_name

EMBED, SESSION = "quoth-embed", "quoth-session"
"""The audiences of the two kinds of token, so that neither is accepted as the other."""
LONGEST = 300
"""The longest lifetime of an embed token, in seconds."""
SESSION_SECONDS = 900

_ALGORITHM = "HS256"
_CLOCK_SKEW = 30
"""Seconds by which the host's clock may differ."""
_REQUIRED = ("aud", "sub", "origin", "iat", "exp", "jti")
_END_OF_TIME = 2**40
"""In seconds since 1970: far in the future, and small enough for exact arithmetic."""


class EmbedTokens:
    """Checks the widget's tokens. Each is valid on one origin only, and an embed token only once."""

    def __init__(self, secret: bytes, origins: tuple[str, ...], keyring: Keyring) -> None:
        self._secret = secret
        self._origins = origins
        self._keyring = keyring

    async def exchange(self, token: str, origin: str | None) -> str | None:
        """A session token for an embed token, or None if that is expired, altered, used, or for another origin.

        An embed token is a JWT (RFC 7519), HS256, with aud "quoth-embed", sub (the person), origin (of the page with
        the widget), iat, exp (at most LONGEST seconds later), jti (unique), and optionally groups. sub, jti and each
        group must be names (see `ui.access.person.is_name`). Raises SettingsError if used tokens cannot be recorded.
        """
        claims = self._claims(token, EMBED, origin)
        if claims is None:
            return None
        if not await asyncio.to_thread(self._keyring.spend, claims["jti"], int(claims["exp"]) + _CLOCK_SKEW):
            return None
        now = int(time.time())
        kept = {name: claims[name] for name in ("sub", "origin", "groups") if name in claims}
        session = {**kept, "aud": SESSION, "iat": now, "exp": now + SESSION_SECONDS, "jti": secrets.token_hex(8)}
        return jwt.encode(session, self._secret, _ALGORITHM)

    def person(self, token: str, origin: str | None) -> Person | None:
        """The person of a session token, or None if that is not valid."""
        claims = self._claims(token, SESSION, origin)
        return Person(claims["sub"], frozenset(claims.get("groups", ())), PERSON) if claims else None

    def _claims(self, token: str, audience: str, origin: str | None) -> Mapping[str, Any] | None:
        """The claims of a token, or None if any of them is missing or invalid."""
        if not token.isascii():
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=audience,
                leeway=_CLOCK_SKEW if audience == EMBED else 0,
                # strict, or a token with both audiences would be accepted as either
                options={"require": [*_REQUIRED], "strict_aud": True},
            )
        except (jwt.InvalidTokenError, OverflowError, RecursionError):
            # infinite numbers and endlessly nested brackets: PyJWT does not catch these in every version
            return None
        issued, expires, groups = claims["iat"], claims["exp"], claims.get("groups", [])
        if not all(type(moment) in (int, float) and 0 <= moment < _END_OF_TIME for moment in (issued, expires)):
            return None
        if not 0 <= expires - issued <= (LONGEST if audience == EMBED else SESSION_SECONDS):
            return None
        if not isinstance(groups, list):
            return None
        if not all(isinstance(name, str) and is_name(name) for name in (claims["sub"], claims["jti"], *groups)):
            return None
        return claims if origin in self._origins and claims["origin"] == origin else None
