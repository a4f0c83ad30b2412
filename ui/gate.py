"""What every request passes, to the API and to the page: by which name it came, and how the answer may be used."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Any other name is a website's that had itself resolved to this machine, so that its scripts could read the documents.
_THIS_MACHINE = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)

_HEADERS = {
    # gradio writes scripts into the page and compiles others
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def gated(app: ASGIApp) -> ASGIApp:
    """`app`, only for requests to this machine by a name of its own, and with headers on whatever it answers."""

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if scope["type"] == "lifespan":
            await app(scope, receive, send)
        elif len(hosts := Headers(scope=scope).getlist("host")) == 1 and _THIS_MACHINE.fullmatch(hosts[0]):
            await app(scope, receive, with_headers)
        else:
            refusal = PlainTextResponse("This is served to this machine only, as 127.0.0.1 or localhost", 400)
            await refusal(scope, receive, with_headers)

    return gate
