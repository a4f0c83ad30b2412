"""Warm-up: sends the API a question before the server listens, because libraries load parts at the first request."""

from starlette.types import ASGIApp, Message

from ui.access.person import EVERYONE


async def warm_up(app: ASGIApp, path: str) -> None:
    """Sends a question to `app` at `path`, as a person who may not ask: it is refused, and neither counted nor logged,
    because `app` is called inside the middleware that does so."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b'{"question": "Is everything ready?"}'}

    async def send(message: Message) -> None:
        pass

    request = {"type": "http", "method": "POST", "path": path, "query_string": b"", "state": {"person": EVERYONE}}
    await app(request | {"headers": [(b"content-type", b"application/json")]}, receive, send)
