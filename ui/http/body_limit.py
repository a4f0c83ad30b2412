"""Body limit: a request's body is read whole, up to a size, before it is handed on."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.http.problem import problem

LARGEST = 65_536
"""The largest body in bytes: enough for a question and the turns before it."""
TOO_LARGE = f"The request is larger than {LARGEST:,} bytes"


async def read_body(request: Request) -> bytes | None:
    """The body, or None if it is larger than LARGEST; then it is not read to its end, or not at all."""
    # compared by length first, since int() refuses some thousands of digits
    declared = request.headers.get("content-length", "").lstrip("0")
    if declared.isdecimal() and (len(declared) > len(str(LARGEST)) or int(declared) > LARGEST):
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return None
    return body


def replayed(body: bytes, receive: Receive) -> Receive:
    """`receive` as it was before `body` was read from it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


class BodyLimit:
    """Middleware that answers 413 to a body that is too large."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif (body := await read_body(Request(scope, receive))) is None:
            await problem(413, TOO_LARGE)(scope, receive, send)
        else:
            await self.app(scope, replayed(body, receive), send)
