"""Progress of a long task on a terminal."""

import sys
from collections.abc import Callable


def progress(task: str) -> Callable[[int, int], None]:
    """Returns a function to call with how much is done and how much there is. It writes only to a terminal."""

    def report(done: int, total: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{task} {done}/{total}" + ("\r\033[K" if done == total else ""))
            sys.stderr.flush()

    return report
