"""A server in a process of its own, and what it says."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


@contextmanager
def running(
    *arguments: str, stderr: int | None = subprocess.PIPE, **settings: object
) -> Iterator[subprocess.Popen[str]]:
    """Python with these arguments, which finds these modules and those of quoth, and whose settings are named as in
    `Settings`. Its streams are text; what it writes to standard error waits to be read, unless `stderr` says where it
    goes. It is killed in the end if it runs by then."""
    named = {f"QUOTH_{name.upper()}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=_HERE,
        env={**os.environ, "PYTHONPATH": str(_HERE.parent), **named},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def until_ready(client: Any) -> None:
    """Waits until the server says that it is ready; before, it says when to ask again."""
    for _ in range(120):
        answer = client.get("/api/v1/ready")
        if answer.status_code == 204:
            return
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        time.sleep(1)
    raise AssertionError("it never became ready")


def said(process: subprocess.Popen[str]) -> str:
    """The next line of its standard output."""
    assert process.stdout is not None
    return process.stdout.readline()


def tell(process: subprocess.Popen[str], line: str) -> None:
    """Writes a line to its standard input."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
