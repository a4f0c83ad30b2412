"""The body limit: too large a body is refused with 413 on every path, and the rest of it is not read."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from page_support import FakeAnswerer, app_of, article
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message

from ui.access.keyring import Keyring
from ui.http.body_limit import LARGEST

CHUNK = b" " * 4096
PATHS = [
    "/api/v1/ask",
    "/api/v1/verify",
    "/api/v1/feedback",
    "/api/v1/session",
    "/gradio_api/queue/join",
    "/gradio_api/run/predict",
    "/mcp",
]


class Endless:
    """A client whose body never ends. Counts the chunks that were read."""

    def __init__(self, path: str, *headers: tuple[bytes, bytes]) -> None:
        given = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), *headers]
        self.scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": given,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        self.read = 0
        self.answer: list[Message] = []

    async def receive(self) -> Message:
        self.read += 1
        assert self.read < 1000, "the body is read without limit"
        return {"type": "http.request", "body": CHUNK, "more_body": True}

    async def send(self, message: Message) -> None:
        self.answer.append(message)

    async def visit(self, app: ASGIApp) -> None:
        await app(self.scope, self.receive, self.send)

    def check(self, most: int) -> None:
        start, *rest = self.answer
        assert start["status"] == 413
        assert (b"content-type", b"application/problem+json") in start["headers"]
        # otherwise the unread rest would be taken for the next request
        assert (b"connection", b"close") in start["headers"]
        body = json.loads(b"".join(message.get("body", b"") for message in rest))
        assert (body["status"], body["detail"]) == (413, f"The request is larger than {LARGEST:,} bytes")
        assert self.read <= most


def visited(app: ASGIApp, client: Endless) -> Endless:
    """Visits a server whose lifespan has started, which the MCP endpoint needs."""

    async def scene() -> None:
        started, closing = asyncio.Event(), asyncio.Event()
        first: list[Message] = [{"type": "lifespan.startup"}]

        async def receive() -> Message:
            if first:
                return first.pop()
            await closing.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: Message) -> None:
            started.set()

        running = asyncio.create_task(_run(app, receive, send))
        await started.wait()
        await client.visit(app)
        closing.set()
        await running

    asyncio.run(scene())
    return client


async def _run(app: ASGIApp, receive: Any, send: Any) -> None:
    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)


@pytest.mark.parametrize("length", ["1000000000", str(LARGEST + 1), "0001000000000", "9" * 5000])
@pytest.mark.parametrize("path", PATHS)
def test_a_content_length_over_the_limit_is_refused_unread(path: str, length: str) -> None:
    client = Endless(path, (b"content-length", length.encode()))
    if path == "/mcp":
        visited(app_of(FakeAnswerer(article())), client)
    else:
        asyncio.run(client.visit(app_of(FakeAnswerer(article()))))
    client.check(0)


@pytest.mark.parametrize("path", PATHS)
def test_endless_chunks_are_read_only_up_to_the_limit(path: str) -> None:
    client = Endless(path, (b"transfer-encoding", b"chunked"))
    if path == "/mcp":
        visited(app_of(FakeAnswerer(article())), client)
    else:
        asyncio.run(client.visit(app_of(FakeAnswerer(article()))))
    client.check(LARGEST // len(CHUNK) + 1)


@pytest.mark.parametrize("header", [(b"content-length", b"1000000000"), (b"transfer-encoding", b"chunked")])
def test_the_limit_also_holds_for_sign_in(tmp_path: Path, header: tuple[bytes, bytes]) -> None:
    Keyring.open(tmp_path).close()
    client = Endless("/sign-in", header)
    asyncio.run(client.visit(app_of(FakeAnswerer(article()), access="token", data=tmp_path)))
    assert client.answer[0]["status"] == 413
    assert client.read <= LARGEST // len(CHUNK) + 1


def test_a_body_of_exactly_the_limit_is_accepted() -> None:
    client = TestClient(app_of(FakeAnswerer(article())), base_url="http://127.0.0.1")
    body = b'{"question": "Who came?"}'
    padded = body.ljust(LARGEST)
    assert client.post("/api/v1/ask", content=padded, headers={"content-type": "application/json"}).status_code == 200
    assert client.post("/api/v1/ask", content=padded + b" ").status_code == 413
