"""Ends the streams that pages hold open once the server is told to stop; by themselves they never end."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Closing:
    """`app`, to which it looks, when a signal stops the server, as though every browser had left.

    A server tells an application that it stops only after all answers have ended, or have been cut off with a
    traceback each. So the signals are listened to, beside the server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._closing = asyncio.Event()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While this is entered, signals are heard and passed on; where they cannot be, nothing is done."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        handlers = {
            number: handler
            for number in (signal.SIGINT, signal.SIGTERM)
            if callable(handler := signal.getsignal(number))
        }

        def hear(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._closing.set)
            handlers[signal.Signals(number)](number, frame)

        for number in handlers:
            signal.signal(number, hear)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        open_ended = False

        async def until_closing() -> Message:
            message = asyncio.ensure_future(receive())
            closing = asyncio.create_task(self._closing.wait())
            try:
                await asyncio.wait({message, closing}, return_when=asyncio.FIRST_COMPLETED)
                return message.result() if message.done() else {"type": "http.disconnect"}
            finally:
                message.cancel()
                closing.cancel()

        async def watched(message: Message) -> None:
            nonlocal open_ended
            open_ended = message["type"] == "http.response.start" or message.get("more_body", False)
            await send(message)

        await self._app(scope, until_closing, watched)
        if open_ended and self._closing.is_set():
            await send({"type": "http.response.body", "body": b""})
