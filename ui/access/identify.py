"""Identifies who sent a request: by API key, by the widget's session token, by a proxy's headers, by cookie."""

import asyncio
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import HTTPConnection

from ui.access.embed_token import EmbedTokens
from ui.access.keyring import Keyring
from ui.access.person import ALL_SCOPES, PERSON_SCOPES, Person, is_name
from ui.access.private_files import read_secret
from ui.http.trusted_host import is_own
from ui.settings import Network, ServerSettings

COOKIE = "quoth_key"
SECRET_HEADER = "X-Quoth-Proxy-Secret"

_BLANKS = " \t"

Identify = Callable[[HTTPConnection], Awaitable[Person | None]]
"""Gives the person who sent a request, or None if the sender is unknown or not trusted. Raises QuothError if keys or
tokens cannot be checked at the moment."""


def identification(settings: ServerSettings, keyring: Keyring | None, tokens: EmbedTokens | None) -> Identify:
    """The way of identifying people that `settings` choose. Raises SettingsError if a secret cannot be read."""
    by_proxy = _by_proxy(settings) if settings.access == "proxy" else None

    async def identify(connection: HTTPConnection) -> Person | None:
        if authorization := connection.headers.getlist("authorization"):
            kind, _, token = authorization[0].partition(" ")
            if len(authorization) > 1 or kind.lower() != "bearer":
                return None
            person = await asyncio.to_thread(keyring.person, token) if keyring else None
            # a bad token is refused: there is no fallback to the cookie or the proxy
            return person or (tokens.person(token, connection.headers.get("origin")) if tokens else None)
        if settings.access == "none":
            return Person(None, frozenset(), ALL_SCOPES)
        if by_proxy:
            return by_proxy(connection)
        # a cookie with SameSite=Lax also comes with requests by pages on other ports and subdomains of this site
        key = connection.cookies.get(COOKIE) if is_own(connection.headers) else None
        return await asyncio.to_thread(keyring.person, key) if keyring and key else None

    return identify


def _by_proxy(settings: ServerSettings) -> Callable[[HTTPConnection], Person | None]:
    """Gives the person whom the proxy names, or None if the request is not the proxy's."""
    secret = read_secret(settings.proxy_secret, "proxy_secret") if settings.proxy_secret else None

    def identify(connection: HTTPConnection) -> Person | None:
        # the peer's own address: anyone can write X-Forwarded-For
        if connection.client is None or not _within(connection.client.host, settings.proxies):
            return None
        secrets = connection.headers.getlist(SECRET_HEADER)
        if secret is not None and (len(secrets) != 1 or not hmac.compare_digest(secrets[0].encode("latin-1"), secret)):
            return None
        users, groups = (connection.headers.getlist(name) for name in (settings.user_header, settings.groups_header))
        # a header that comes twice was smuggled past the proxy
        if len(users) != 1 or len(groups) > 1:
            return None
        user, listed = _as_utf8(users[0]), _as_utf8(",".join(groups))
        if user is None or listed is None:
            return None
        member_of = frozenset(filter(None, (group.strip(_BLANKS) for group in listed.split(","))))
        return Person(user, member_of, PERSON_SCOPES) if all(map(is_name, (user, *member_of))) else None

    return identify


def _as_utf8(header: str) -> str | None:
    """A header's text. Headers are decoded as Latin-1, but names hold letters beyond it."""
    try:
        return header.encode("latin-1").decode().strip(_BLANKS)
    except UnicodeError:
        return None


def _within(host: str, networks: Sequence[Network]) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # a Unix socket has no address
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in networks)
