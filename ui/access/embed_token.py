"""Embed tokens: JWTs by which another site's server tells the widget's users apart, and the sessions they open."""

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from ui.access.keyring import Keyring
from ui.access.person import PERSON_SCOPES, Person, is_name

EMBED, SESSION = "quoth-embed", "quoth-session"
"""The audiences of the two kinds of token, so that neither is accepted as the other."""
LONGEST = 300
"""The longest lifetime of an embed token, in seconds."""
SESSION_SECONDS = 900

_ALGORITHM = "HS256"
_CLOCK_SKEW = 30
"""Seconds by which the host's clock may differ."""
_END_OF_TIME = 2**40
"""In seconds since 1970: far in the future, and small enough for exact arithmetic."""


@dataclass(frozen=True, slots=True)
class EmbedTokens:
    """Checks the widget's tokens. Each is valid on one origin only, and an embed token only once."""

    secret: bytes
    origins: tuple[str, ...]
    keyring: Keyring

    async def exchange(self, token: str, origin: str | None) -> str | None:
        """A session token for an embed token, or None if that is expired, altered, used, or for another origin.

        An embed token is a JWT (RFC 7519), HS256, with aud "quoth-embed", sub (the person), origin (of the page with
        the widget), iat, exp (at most LONGEST seconds later), jti (unique), and optionally groups. sub, jti and each
        group must be names (see `ui.access.person.is_name`). Raises SettingsError if used tokens cannot be recorded.
        """
        claims = self._claims(token, EMBED, origin)
        if claims is None:
            return None
        if not await asyncio.to_thread(self.keyring.spend, claims["jti"], int(claims["exp"]) + _CLOCK_SKEW):
            return None
        now = int(time.time())
        kept = {name: claims[name] for name in ("sub", "origin", "groups") if name in claims}
        session = {**kept, "aud": SESSION, "iat": now, "exp": now + SESSION_SECONDS, "jti": secrets.token_hex(8)}
        return jwt.encode(session, self.secret, _ALGORITHM)

    def person(self, token: str, origin: str | None) -> Person | None:
        """The person of a session token, or None if that is not valid."""
        claims = self._claims(token, SESSION, origin)
        return Person(claims["sub"], frozenset(claims.get("groups", ())), PERSON_SCOPES) if claims else None

    def _claims(self, token: str, audience: str, origin: str | None) -> Mapping[str, Any] | None:
        """The claims of a token, or None if any of them is missing or invalid."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self.secret,
                algorithms=[_ALGORITHM],
                audience=audience,
                leeway=_CLOCK_SKEW if audience == EMBED else 0,
                # strict, or a token with both audiences would be accepted as either
                options={"require": ["aud", "sub", "origin", "iat", "exp", "jti"], "strict_aud": True},
            )
        except (jwt.InvalidTokenError, OverflowError, RecursionError, UnicodeError):
            # PyJWT does not catch infinite numbers, endlessly nested brackets and lone surrogates in every version
            return None
        issued, expires, groups = claims["iat"], claims["exp"], claims.get("groups", [])
        if not all(type(moment) in (int, float) and 0 <= moment < _END_OF_TIME for moment in (issued, expires)):
            return None
        names = [claims["sub"], claims["jti"], *groups] if isinstance(groups, list) else [None]
        good = (
            0 <= expires - issued <= (LONGEST if audience == EMBED else SESSION_SECONDS)
            and all(isinstance(name, str) and is_name(name) for name in names)
            and origin in self.origins
            and claims["origin"] == origin
        )
        return claims if good else None
