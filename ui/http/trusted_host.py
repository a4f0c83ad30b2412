"""Trusted hosts, trusted origins, and security headers: the checks that every request passes."""

import re
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.http.problem import problem

# DNS rebinding: a website's name can resolve to this machine, and its scripts could then read the documents.
_THIS_MACHINE = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)

_IMMUTABLE = "private, max-age=31536000, immutable"


def is_this_machine(host: str) -> bool:
    """Whether `host`, with or without a port, is a name of this machine."""
    return _THIS_MACHINE.fullmatch(host) is not None


def is_own(headers: Headers) -> bool:
    """Whether the request comes from a page of this site, or from no page."""
    host = headers.get("host", "").lower()
    # a proxy ends TLS, so the scheme that the browser used is not known here
    return all(origin.lower() in (f"http://{host}", f"https://{host}") for origin in headers.getlist("origin"))


def trusted_host(app: ASGIApp, hosts: Collection[str], origins: Collection[str], *, immutable: str) -> ASGIApp:
    """Middleware: refuses unknown hosts (400) and origins (403), and adds security headers to every response.

    Starlette's TrustedHostMiddleware ignores ports and accepts two Host headers. Responses are not cached, unless the
    app allows it or the path starts with `immutable`, whose files never change and are the same for everyone.
    """
    names, ancestors = {host.lower() for host in hosts}, " ".join(["'self'", *origins])
    security = {
        # gradio writes scripts into the page and compiles others
        "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
        f"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {ancestors}",
        "x-content-type-options": "nosniff",
        # not no-referrer: with it, browsers send Origin: null for forms of this site
        "referrer-policy": "same-origin",
    }

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(security)
                forever = message["status"] == 200 and scope["path"].startswith(immutable)
                headers.setdefault("cache-control", _IMMUTABLE if forever else "private, no-store")
            await send(message)

        allowed, headers = app, Headers(scope=scope)
        host, sites = headers.getlist("host"), headers.getlist("origin")
        if len(host) != 1 or not (is_this_machine(host[0]) or host[0].lower() in names):
            allowed = problem(400, "Nothing is served under this host name: the setting hosts lists the names")
        elif len(sites) > 1 or (sites and not is_own(headers) and sites[0] not in origins):
            allowed = problem(403, "Pages of this site may not ask here: the setting origins lists those that may")
        await allowed(scope, receive, send_with_headers)

    return check
