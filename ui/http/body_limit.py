"""A request's body: read whole before it is handed on, and no further than is allowed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.http.problem import problem

LARGEST = 65_536
"""Bytes that may be sent at once: a question and some housekeeping, or what was said before it."""
TOO_LARGE = f"The request is larger than {LARGEST:,} bytes"


async def read_body(request: Request) -> bytes | None:
    """What was sent; None where it is larger than LARGEST, or is said to be, and then it is not read to its end."""
    # as HTTP has it: digits, of which int() takes no more than some thousands
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
    """`receive`, as it was before the body was read from it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


def bounded(app: ASGIApp) -> ASGIApp:
    """`app`, which is given each body whole, and none that is too large: that is a 413."""

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
        elif (body := await read_body(Request(scope, receive))) is None:
            await problem(413, TOO_LARGE)(scope, receive, send)
        else:
            await app(scope, replayed(body, receive), send)

    return check
