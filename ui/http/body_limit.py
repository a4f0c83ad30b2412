"""Body limit: rejects a request whose body is too large. Other bodies are read whole before the application runs."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.http.problem import problem

LARGEST = 65_536
"""The largest body in bytes: enough for a question and the turns before it."""


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the `body` already read once more, then continues as before."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


class BodyLimit:
    """Middleware that answers 413 to a body that is too large, and leaves the rest of it unread."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif (body := await _read(Request(scope, receive))) is None:
            await problem(413, f"The request is larger than {LARGEST:,} bytes")(scope, receive, send)
        else:
            await self.app(scope, replayed(body, receive), send)


async def _read(request: Request) -> bytes | None:
    """The body, or None if it is larger than LARGEST."""
    # the number of digits is compared first, because int() raises on a number of several thousand digits
    declared = request.headers.get("content-length", "").lstrip("0")
    if declared.isdecimal() and (len(declared) > len(str(LARGEST)) or int(declared) > LARGEST):
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return None
    return body
