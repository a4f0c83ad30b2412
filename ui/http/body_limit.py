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


def body_limit(app: ASGIApp) -> ASGIApp:
    """Middleware that answers 413 to a body that is too large, and leaves the rest of it unread."""

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(Request(scope, receive))
        if body is None:
            # the unread rest of the body would keep the connection busy
            closing = {"Connection": "close"}
            await problem(413, f"The request is larger than {LARGEST:,} bytes", closing)(scope, receive, send)
        else:
            await app(scope, replayed(body, receive), send)

    return check


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
