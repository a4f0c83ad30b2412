"""What every request passes, to the API and to the page: by which name it came, from which site, and how the answer
may be used."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.http.problem import problem

# Any other name is a website's that had itself resolved to this machine, so that its scripts could read the documents.
_THIS_MACHINE = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)

_LASTING = "private, max-age=31536000, immutable"


def is_this_machine(host: str) -> bool:
    """Whether that is a name of this machine's own, with a port or without."""
    return _THIS_MACHINE.fullmatch(host) is not None


def gated(app: ASGIApp, hosts: Sequence[str], origins: Sequence[str], *, lasting: str) -> ASGIApp:
    """`app`, only for requests by a name of this machine's own or one of `hosts`, from its own pages or those of
    `origins`, and with headers on whatever it answers.

    Nothing is kept by browsers and proxies unless the app says so itself, or it lies under the path `lasting`, where
    files are the same for all and never change.
    """
    names = {host.lower() for host in hosts}
    headers = _headers(origins)

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                answer = MutableHeaders(scope=message)
                answer.update(headers)
                unchanging = message["status"] == 200 and scope["path"].startswith(lasting)
                answer.setdefault("cache-control", _LASTING if unchanging else "private, no-store")
            await send(message)

        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        given = Headers(scope=scope)
        host, sites = given.getlist("host"), given.getlist("origin")
        if len(host) != 1 or not (is_this_machine(host[0]) or host[0].lower() in names):
            refusal = problem(400, "Nothing is served by this name: the setting hosts says by which it is")
            await refusal(scope, receive, with_headers)
        elif len(sites) > 1 or (sites and not is_own(given) and sites[0] not in origins):
            refusal = problem(403, "Pages of this site may not ask here: the setting origins says which may")
            await refusal(scope, receive, with_headers)
        else:
            await app(scope, receive, with_headers)

    return gate


def is_own(headers: Headers) -> bool:
    """Whether a request was not sent by a page of another site: by which name it came is where its page is from."""
    host = headers.get("host", "").lower()
    # the proxy ends TLS, so which of the two it is cannot be told here
    return all(site.lower() in (f"http://{host}", f"https://{host}") for site in headers.getlist("origin"))


def _headers(origins: Sequence[str]) -> dict[str, str]:
    holders = " ".join(["'self'", *origins])
    return {
        # gradio writes scripts into the page and compiles others
        "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
        f"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {holders}",
        "x-content-type-options": "nosniff",
        # nothing to others; with no-referrer browsers would hide from ourselves, too, which page a form was sent from
        "referrer-policy": "same-origin",
    }
