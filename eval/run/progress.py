"""How far a long task is, told on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable


def progress(what: str) -> Callable[[int, int], None]:
    """A function to call with how much is done and how much there is; it says so on a terminal, and only there."""
    if not sys.stderr.isatty():
        return lambda done, total: None

    def say(done: int, total: int) -> None:
        sys.stderr.write(f"\r{what} {done}/{total}" + ("\r\033[K" if done == total else ""))
        sys.stderr.flush()

    return say
