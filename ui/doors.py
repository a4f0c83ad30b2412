"""Lets through only what the page asks of gradio, which offers much else: files fetched by URL, uploads."""

from __future__ import annotations

import json
import re

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 65_536
"""Bytes that the page may send at once: a question and some housekeeping."""

_DOORS = {
    "GET": re.compile(
        r"/|/(?:theme\.css|favicon\.ico|robots\.txt)|/(?:assets|static)/.*"
        r"|/gradio_api/(?:queue/data|startup-events|heartbeat/[^/]+)"
    ),
    "POST": re.compile(r"/gradio_api/(?:queue/join|run/predict|cancel|reset)"),
}


def only_the_page(app: ASGIApp) -> ASGIApp:
    """`app`, with every path that the page does not need closed, and with nothing but texts for its inputs."""

    async def doorkeeper(scope: Scope, receive: Receive, send: Send) -> None:
        method = scope.get("method", "").replace("HEAD", "GET")
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if method not in _DOORS or not _DOORS[method].fullmatch(path):
            await PlainTextResponse("Not found", 404)(scope, receive, send)
        elif method == "GET":
            await app(scope, receive, send)
        else:
            body = await _body(Request(scope, receive))
            if isinstance(body, Response):
                await body(scope, receive, send)
            else:
                await app(scope, _replayed(body, receive), send)

    return doorkeeper


async def _body(request: Request) -> bytes | Response:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return PlainTextResponse("Too large", 413)
    try:
        sent = json.loads(body)
    except ValueError:
        return PlainTextResponse("Not JSON", 400)
    # Anything but texts may name a file, which gradio would fetch, from wherever it is said to lie.
    data = sent.get("data", []) if isinstance(sent, dict) else None
    if not isinstance(data, list) or not all(value is None or isinstance(value, str) for value in data):
        return PlainTextResponse("Only texts can be sent", 400)
    return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    """`receive`, as it was before the body was read from it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay
