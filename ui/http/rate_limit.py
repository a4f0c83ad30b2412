"""How much may be asked at once and how often: turns, a bounded queue, and limits for each user."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from time import monotonic

_WINDOW = 60.0
_MOST_KEYS = 10_000
"""Of how many callers a RateLimit remembers what they asked; the one not seen for longest is forgotten first."""
_LONGEST_WAIT = 60


class Later(Exception):
    """It cannot be now; after `retry_after` whole seconds, at least 1, it may."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Overloaded(Later):
    """As many wait as may: 503 over HTTP."""


class TooMany(Later):
    """One caller asks too often: 429 over HTTP."""


class Admission:
    """Turns: at most `workers` have one at a time and at most `waiting` wait for theirs, first come, first served.

    Belongs to one event loop.
    """

    def __init__(self, workers: int, waiting: int) -> None:
        self.workers = workers
        """At least 1."""
        self.waiting = waiting
        """At least 0."""
        self._inside = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._seconds = 0.0
        """How long a turn takes, of late."""

    @property
    def depth(self) -> int:
        """How many wait."""
        # one that was cancelled leaves the queue only when its task runs again
        return sum(not waiter.done() for waiter in self._queue)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """While this is entered it is the caller's turn. Raises Overloaded at once where nobody more may wait."""
        await self._enter()
        started = monotonic()
        try:
            yield
        finally:
            took = monotonic() - started
            self._seconds = 0.9 * self._seconds + 0.1 * took if self._seconds else took
            self._leave()

    async def _enter(self) -> None:
        if self._inside < self.workers:
            self._inside += 1
            return
        if (depth := self.depth) >= self.waiting:
            soon = math.ceil(self._seconds * (depth + 1) / self.workers)
            raise Overloaded(min(max(soon, 1), _LONGEST_WAIT))
        waiter = asyncio.get_running_loop().create_future()
        self._queue.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                # not there any more where whoever left meanwhile has passed it over
                with suppress(ValueError):
                    self._queue.remove(waiter)
            else:
                # it was given its turn in the same moment
                self._leave()
            raise

    def _leave(self) -> None:
        while self._queue:
            # the turn is handed over, so that nobody who comes just now takes it
            if not (waiter := self._queue.popleft()).done():
                waiter.set_result(None)
                return
        self._inside -= 1


class RateLimit:
    """At most `per_minute` calls, at least 1, of each caller in any 60 seconds. May be used by several threads at once.

    What it remembers is bounded: by `per_minute` times of each of the last 10,000 callers.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._calls: dict[str, deque[float]] = {}
        """When each caller called, the caller not seen for longest first."""
        self._lock = threading.Lock()

    def check(self, key: str) -> int | None:
        """None, and the call of `key` counts; or after how many whole seconds it may call again."""
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


class Held:
    """What a caller holds and gives back, such as open streams: at most `most`, at least 1, of each at a time.

    Belongs to one event loop.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[str] = Counter()

    @contextmanager
    def one_more(self, key: str) -> Iterator[bool]:
        """Whether `key` may hold one more; it then does while this is entered."""
        if self._held[key] >= self._most:
            yield False
            return
        self._held[key] += 1
        try:
            yield True
        finally:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]
