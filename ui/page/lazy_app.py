"""Lazy start: an ASGI app that is built in the background. Requests to it wait; other apps are served meanwhile."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

GRACE = 2.0
"""Seconds before building begins without a request, because building would slow down the first question to the API."""

_ONE_AT_A_TIME = threading.Lock()
"""Held while anything is built: libraries whose modules import each other must not be imported by two threads."""

_log = logging.getLogger(__name__)


class Deferred:
    """Builds an app in a thread, at the first request or after GRACE seconds, and runs it with its lifespan."""

    def __init__(self, build: Callable[[], Starlette]) -> None:
        self._build = build
        self._asked = asyncio.Event()
        self._closing = asyncio.Event()
        self.built = False
        """Whether the app is built. Stays False if it could not be built."""

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Context manager: builds and serves the app until the end."""
        self._ready: asyncio.Future[Starlette] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._asked.set()
            self._closing.set()
            await asyncio.gather(task, return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._asked.set()
        await asyncio.wait({self._ready})
        if error := self._ready.exception():
            message = f"This part could not be built ({type(error).__name__}). The server's log says why."
            await PlainTextResponse(message, status_code=500)(scope, receive, send)
        else:
            await self._ready.result()(scope, receive, send)

    async def _run(self) -> None:
        # One task enters and leaves the lifespan: it may hold a cancel scope, which must not change tasks.
        await asyncio.wait({asyncio.create_task(self._asked.wait())}, timeout=GRACE)
        if self._closing.is_set():
            return

        def build() -> Starlette:
            with _ONE_AT_A_TIME:
                return self._build()

        try:
            app = await asyncio.to_thread(build)
            async with app.router.lifespan_context(app):
                self._ready.set_result(app)
                self.built = True
                await self._closing.wait()
        except Exception as error:
            _log.exception("A part of the server could not be built")
            if not self._ready.done():
                self._ready.set_exception(error)
            raise
