"""Queue and rate limits: how many callers are served at the same time, how many may wait, and how often one may ask."""

import math
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from anyio import CapacityLimiter

_WINDOW = 60.0
_MOST_KEYS = 10_000
"""The most callers that a RateLimit remembers. The one with the oldest last call is forgotten first."""
_LONGEST_WAIT = 60


class Later(Exception):
    """A refusal: the caller may try again after `retry_after` whole seconds, at least 1."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Overloaded(Later):
    """The queue is full: 503 over HTTP."""


class TooMany(Later):
    """One caller asks too often: 429 over HTTP."""


class Admission:
    """A bounded queue: at most `workers` callers have a turn and at most `waiting` wait, first come, first served.

    Belongs to one event loop.
    """

    def __init__(self, workers: int, waiting: int) -> None:
        self.workers = workers
        """At least 1."""
        self.waiting = waiting
        """At least 0."""
        self._turns = CapacityLimiter(workers)
        # Counted here: the limiter counts a caller only when its task runs, so it would admit all that come at once.
        self._present = 0
        self._average_seconds = 0.0

    @property
    def depth(self) -> int:
        """How many wait."""
        return max(self._present - self.workers, 0)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Context manager: waits for a turn and holds it. Raises Overloaded at once if the queue is full."""
        if self._present >= self.workers + self.waiting:
            soon = math.ceil(self._average_seconds * (self.depth + 1) / self.workers)
            raise Overloaded(min(max(soon, 1), _LONGEST_WAIT))
        self._present += 1
        try:
            async with self._turns:
                started = monotonic()
                try:
                    yield
                finally:
                    seconds = monotonic() - started
                    average = self._average_seconds or seconds
                    self._average_seconds = 0.9 * average + 0.1 * seconds
        finally:
            self._present -= 1


class RateLimit:
    """At most `per_minute` calls, at least 1, of each caller in any 60 seconds. Threads may share it.

    It remembers at most `per_minute` times of each of the last 10,000 callers.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._calls: dict[str, deque[float]] = {}
        """The times of each caller's calls. The caller with the oldest last call comes first."""
        self._lock = threading.Lock()

    def check(self, key: str) -> int | None:
        """Counts a call of `key` and returns None, or, if it is refused, the whole seconds until the next may come."""
        now = monotonic()
        with self._lock:
            calls = self._calls[key] = self._calls.pop(key, deque())
            if len(self._calls) > _MOST_KEYS:
                del self._calls[next(iter(self._calls))]
            while calls and now - calls[0] >= _WINDOW:
                calls.popleft()
            if len(calls) < self._per_minute:
                calls.append(now)
                return None
            return math.ceil(_WINDOW - (now - calls[0]))
