"""Ends the streams that open pages hold when a signal stops the server, which otherwise waits for them."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def set_on_stop(event: asyncio.Event) -> Iterator[None]:
    """While this is entered, SIGINT and SIGTERM set `event`, and are passed on to the server.

    A server ends an application's lifespan only after all streams have ended, so this listens beside the server.
    Outside the main thread nothing can listen, and this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    handlers = {number: handler for number in signals if callable(handler := signal.getsignal(number))}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(event.set)
        handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
