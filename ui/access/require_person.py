"""Middleware that requires a known person (401), and for the page the scopes that it needs (403)."""

import logging
from dataclasses import replace

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from index.errors import QuothError
from ui.access.identify import Identify
from ui.access.person import EVERYONE, missing_for_page, person_of
from ui.http.problem import problem

_log = logging.getLogger(__name__)


PUBLIC = {
    ("GET", "/api/v1/live"): "says only that the process runs; a supervisor that restarts it has no account",
    ("GET", "/api/v1/ready"): "says only that it can answer; a proxy asks before it sends anyone",
    ("GET", "/quoth.js"): "the widget's script: the same for all, and loaded before a page signs anyone in",
    ("POST", "/api/v1/session"): "exchanges an embed token, which itself says who is asking",
    ("GET", "/sign-in"): "is where people enter their API key",
    ("POST", "/sign-in"): "takes the API key and reveals nothing to anyone else",
    ("POST", "/sign-out"): "lets a browser forget its key, also one that has expired",
}
"""The routes that anyone may use, and why."""


def for_the_page(app: ASGIApp, base: str) -> ASGIApp:
    """`app`, the page, only for people with the scopes that it needs.

    Unknown paths of the API get a 404, so programs get one even if they may not use the page.
    """

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        allowed = app
        if scope["path"].startswith(f"{base}/api/"):
            allowed = problem(404, "The API has no such path")
        elif missing := missing_for_page(person_of(scope)):
            allowed = problem(403, f"The page needs the scopes ask and read: you lack {missing}")
        await allowed(scope, receive, send)

    return check


def identified(app: ASGIApp, identify: Identify, base: str, *, sign_in: str | None = None) -> ASGIApp:
    """`app`, only for known people, except for the public routes. The person is put into the request's state.

    A browser that opens the page without being signed in is sent to `sign_in`, if that is given.
    """
    public = {(method, f"{base}{path}") for method, path in PUBLIC}

    async def require_person(scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"].replace("HEAD", "GET"), scope["path"]
        allowed, connection = app, HTTPConnection(scope)
        try:
            person = await identify(connection)
        except QuothError:
            _log.exception("Keys and tokens cannot be checked")
            allowed = problem(503, "The server cannot check who is asking at the moment", {"Retry-After": "10"})
        else:
            address = connection.client.host if connection.client else ""
            connection.state.person = replace(person or EVERYONE, address=address)
            if person is None and sign_in and method == "GET" and path in (base or "/", f"{base}/"):
                allowed = RedirectResponse(sign_in, 303)
            elif person is None and (method, path) not in public:
                allowed = problem(401, "It is not known who is asking", {"WWW-Authenticate": 'Bearer realm="quoth"'})
        await allowed(scope, receive, send)

    return require_person
