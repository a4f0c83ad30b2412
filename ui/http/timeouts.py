"""How long a client may take to send a request, and how many connections there may be.

uvicorn bounds how long a connection is idle between two requests and how large headers are. It waits for ever for the
first byte of a connection, for the rest of headers of which a byte comes now and then, and for a body.
"""

from __future__ import annotations

import asyncio
import logging

import h11
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from ui.http.problem import problem
from ui.http.rate_limit import RateLimit

_LINES_A_MINUTE = 20
"""Of the log, of one kind."""

_log = logging.getLogger(__name__)


def within(app: ASGIApp, *, seconds: float) -> ASGIApp:
    """`app`, which waits for the body of a request no longer than `seconds` in all; who sends none by then gets a 408.

    What the app does besides, before, between and after, takes as long as it likes.
    """

    async def hurry(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        left = seconds
        whole = started = late = False
        given = Headers(scope=scope)
        has_body = given.get("content-length", "0") != "0" or "transfer-encoding" in given

        async def awaited() -> Message:
            nonlocal left, whole, late
            if late:
                return {"type": "http.disconnect"}
            if whole:
                # what comes now is that the client leaves, whenever it does
                return await receive()
            since = loop.time()
            try:
                async with asyncio.timeout(left):
                    message = await receive()
            except TimeoutError:
                late = True
                if not started:
                    # otherwise what dribbles in after this answer would keep the connection
                    refusal = problem(408, "The request took too long to come", {"Connection": "close"})
                    await refusal(scope, receive, send)
                return {"type": "http.disconnect"}
            left -= loop.time() - since
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def unless_late(message: Message) -> None:
            nonlocal started
            if late and not started:
                return
            if message["type"] == "http.response.start" and has_body and not whole:
                # what was refused unread would dribble in after the answer, and keep the connection
                message.setdefault("headers", [])
                MutableHeaders(scope=message)["connection"] = "close"
            started = True
            await send(message)

        try:
            await app(scope, awaited, unless_late)
        except ClientDisconnect:
            if not late:
                raise

    return hurry


def impatient(*, seconds: float, unread: float, connections: int) -> type[H11Protocol]:
    """uvicorn's protocol (its `http`), but a request's headers must have come `seconds` after it was waited for or
    begun, what is sent must go on being read within `unread` seconds, and no more than `connections` are held: with
    more, a new one is answered 503 and closed.

    Between two requests it is uvicorn's `timeout_keep_alive` that holds. What is given up is logged, with the address.
    """
    noted = RateLimit(_LINES_A_MINUTE)

    def note(transport: asyncio.Transport, why: str) -> None:
        if noted.check(why) is None:
            peer = transport.get_extra_info("peername")
            _log.warning("%s (from %s)", why, peer[0] if peer else "nowhere")

    class Impatient(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _stalled: asyncio.TimerHandle | None = None
        _begun = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > connections:
                note(transport, "a connection was refused: there are as many as may be")
                self._refuse(503, ("retry-after", "1"))
            else:
                self._deadline = self.loop.call_later(seconds, self._give_up)

        def data_received(self, data: bytes) -> None:
            self._begun = True
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._stop_waiting()
            elif self._deadline is None:
                self._deadline = self.loop.call_later(seconds, self._give_up)

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            self.resume_writing()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._stalled is None:
                self._stalled = self.loop.call_later(unread, self._leave_unread)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._stalled is not None:
                self._stalled.cancel()
                self._stalled = None

        def _leave_unread(self) -> None:
            self._stalled = None
            note(self.transport, "a connection was given up: what was sent is not read")
            # closed, it would wait for ever for what was written to be taken
            self.transport.abort()

        def _stop_waiting(self) -> None:
            self._begun = False
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _give_up(self) -> None:
            self._deadline = None
            if self._begun and not self.transport.is_closing():
                note(self.transport, "a connection was given up: the headers of a request took too long to come")
                self._refuse(408)
            else:
                self.transport.close()

        def _refuse(self, status: int, *headers: tuple[str, str]) -> None:
            given = [("connection", "close"), ("content-length", "0"), *headers]
            self.transport.write(self.conn.send(h11.Response(status_code=status, headers=given)) or b"")
            self.transport.close()

    return Impatient
