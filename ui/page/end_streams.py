"""Graceful shutdown: on SIGINT or SIGTERM the streams of open pages end, so that the server can stop."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def set_on_stop(event: asyncio.Event) -> Iterator[None]:
    """Context manager: SIGINT and SIGTERM set `event`, then the server's own handlers run.

    The end of the application's lifespan is too late to end streams: the server waits for all streams first.
    Does nothing outside the main thread, because only the main thread can handle signals.
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
