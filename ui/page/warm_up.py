"""A request that the server makes to itself before it listens: what libraries put off until the first one is then
done, and the first person does not wait for it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message

from ui.access.person import EVERYONE


async def rehearse(app: ASGIApp, path: str) -> None:
    """Asks `app`, behind all that counts and logs, at `path` as somebody who may not, so that nothing is answered."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b'{"question": "Is everything ready?"}', "more_body": False}

    async def send(message: Message) -> None:
        pass

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "client": None,
        "server": None,
        "state": {"person": EVERYONE},
    }
    await app(scope, receive, send)
