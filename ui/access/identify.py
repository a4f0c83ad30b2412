"""Who is asking: whoever is on this machine, whom a proxy names, or who holds a key or a token."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from index.errors import QuothError, SettingsError
from ui.http.problem import problem
from ui.http.trusted_host import is_own
from ui.settings import ServerSettings as Settings

if TYPE_CHECKING:
    from ui.access.embed_token import Embedding
    from ui.access.keyring import Keyring

SCOPES = frozenset({"ask", "read", "feedback", "metrics"})
"""ask questions, read documents and verify receipts, give feedback, watch the server."""
PAGE = frozenset({"ask", "read"})
"""What the page takes: questions are asked there, and documents shown."""
SECRET_HEADER = "X-Quoth-Proxy-Secret"
COOKIE = "quoth_key"
LEAST_SECRET = 32
"""Bytes of a shared secret, at least: those of the hash that signs with it."""

LONGEST_NAME = 256

_LATER = 10
"""After how many seconds it may be found out who asks, where just now it cannot be."""
_PERSON = frozenset({"ask", "read", "feedback"})
_BLANKS = " \t"
_IN_NO_NAME = re.compile("[,\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What parts names in headers, controls, line breaks, and halves of characters, which cannot be written down."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Person:
    user: str | None
    """None where nothing asks."""
    groups: frozenset[str]
    scopes: frozenset[str]


EVERYONE = Person(None, frozenset(), frozenset())
"""Of whom nothing is known: may read what all may, and ask for nothing that takes a scope."""


@dataclass(frozen=True, slots=True)
class Public:
    """A route that answers whoever asks, and why it may."""

    method: str
    path: str
    reason: str


PUBLIC = (
    Public("GET", "/api/v1/live", "says only that the process runs; whoever restarts it signs on nowhere"),
    Public("GET", "/api/v1/ready", "says only that it can answer; a proxy asks before it sends anyone"),
    Public("GET", "/quoth.js", "the widget's script: the same for all, and loaded by pages before anyone is known"),
    Public("POST", "/api/v1/session", "is itself how an embed token shows who is asking"),
    Public("GET", "/sign-in", "is where a person with an API key says so"),
    Public("POST", "/sign-in", "takes that key, and tells nobody anything else"),
    Public("POST", "/sign-out", "has a browser forget its key, also one that is good no longer"),
)

Identify = Callable[[HTTPConnection], Awaitable[Person | None]]
"""Who sent a request; None where that is not known, or not believed. Raises QuothError where it cannot be found out."""


def is_name(text: str) -> bool:
    """Whether a person or a group may be called so, whoever says it: a proxy, a key or a token."""
    return 0 < len(text) <= LONGEST_NAME and text == text.strip() and not _IN_NO_NAME.search(text)


def person_of(scope: Scope) -> Person:
    """Who asks, as `identified` found."""
    person = scope["state"]["person"]
    assert isinstance(person, Person)
    return person


def barred(person: Person) -> str:
    """What the page takes and `person` may not, in words; empty for those who may use it."""
    return " and ".join(sorted(PAGE - person.scopes))


def for_the_page(app: ASGIApp) -> ASGIApp:
    """`app`, the page, for those alone who have the scopes that it takes."""

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        if missing := barred(person_of(scope)):
            await problem(403, f"You may not {missing}, which the page takes")(scope, receive, send)
        else:
            await app(scope, receive, send)

    return check


def identification(settings: Settings, keyring: Keyring | None, embedding: Embedding | None) -> Identify:
    """How `settings` say who is asking. Raises SettingsError where the proxy's secret cannot be read."""
    if settings.access == "none":
        ambient: Identify = _anyone
    elif settings.access == "proxy":
        ambient = _by_proxy(settings)
    else:
        ambient = _by_cookie(keyring)

    async def identify(connection: HTTPConnection) -> Person | None:
        shown = connection.headers.getlist("authorization")
        if not shown:
            return await ambient(connection)
        kind, _, token = shown[0].partition(" ")
        if len(shown) > 1 or kind.lower() != "bearer":
            return None
        # what was shown decides: where it is not good, nothing else is
        by_key = await asyncio.to_thread(keyring.person, token) if keyring else None
        return by_key or (embedding.person(token, connection.headers.get("origin")) if embedding else None)

    return identify


def identified(app: ASGIApp, identify: Identify, base: str, *, sign_in: str | None = None) -> ASGIApp:
    """`app`, for those who are known, with the person in the scope's state; the public routes for all.

    `sign_in` is where a browser that comes unknown for the page is sent.
    """
    public = {(route.method, f"{base}{route.path}") for route in PUBLIC}

    async def doorkeeper(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        try:
            person = await identify(HTTPConnection(scope))
        except QuothError:
            _log.exception("It could not be found out who is asking")
            refusal = problem(503, "It cannot be found out just now who is asking", {"Retry-After": str(_LATER)})
            await refusal(scope, receive, send)
            return
        method = str(scope.get("method", "")).replace("HEAD", "GET")
        if person is None and sign_in and method == "GET" and scope["path"] in (base or "/", f"{base}/"):
            await RedirectResponse(sign_in, 303)(scope, receive, send)
            return
        if person is None and (method, scope["path"]) not in public:
            refusal = problem(401, "It is not known who is asking", {"WWW-Authenticate": 'Bearer realm="quoth"'})
            await refusal(scope, receive, send)
            return
        scope.setdefault("state", {})["person"] = person or EVERYONE
        await app(scope, receive, send)

    return doorkeeper


def read_secret(file: Path, name: str) -> bytes:
    """The secret in a file, without the line break at its end. Raises SettingsError."""
    try:
        secret = file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise SettingsError(f"{name}: {file}: {error.strerror}", "Name a file that can be read") from error
    if len(secret) < LEAST_SECRET:
        raise SettingsError(
            f"{name}: the secret in {file} has {len(secret)} bytes, expected at least {LEAST_SECRET}",
            "Make one with: openssl rand -hex 32",
        )
    return secret


async def _anyone(connection: HTTPConnection) -> Person:
    return Person(None, frozenset(), SCOPES)


def _by_proxy(settings: Settings) -> Identify:
    networks = [ipaddress.ip_network(one) for one in settings.proxies]
    secret = read_secret(settings.proxy_secret, "proxy_secret") if settings.proxy_secret else None

    async def identify(connection: HTTPConnection) -> Person | None:
        # the address of the connection itself, never one that a header tells
        if connection.client is None or not _within(connection.client.host, networks):
            return None
        users, groups = (connection.headers.getlist(name) for name in (settings.user_header, settings.groups_header))
        shown = connection.headers.getlist(SECRET_HEADER)
        if secret is not None and (len(shown) != 1 or not hmac.compare_digest(shown[0].encode("latin-1"), secret)):
            return None
        # twice said is a header that somebody slipped past the proxy
        if len(users) != 1 or len(groups) > 1:
            return None
        user, named = _as_utf8(users[0]), _as_utf8(",".join(groups))
        if user is None or named is None:
            return None
        member = frozenset(filter(None, (group.strip(_BLANKS) for group in named.split(","))))
        return Person(user, member, _PERSON) if all(map(is_name, (user, *member))) else None

    return identify


def _as_utf8(header: str) -> str | None:
    """A header's text: names hold letters beyond Latin-1, as which headers are read."""
    try:
        return header.encode("latin-1").decode().strip(_BLANKS)
    except UnicodeError:
        return None


def _within(host: str, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # a Unix socket has no address
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in networks)


def _by_cookie(keyring: Keyring | None) -> Identify:
    async def identify(connection: HTTPConnection) -> Person | None:
        # browsers send it with what other pages of the same site ask, too; those of origins show a token
        key = connection.cookies.get(COOKIE) if is_own(connection.headers) else None
        return await asyncio.to_thread(keyring.person, key) if keyring and key else None

    return identify
