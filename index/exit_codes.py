"""How every command ends: one line for what a person can mend, and an exit code that means something."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from index.errors import CorpusError, ModelError, QuothError, SettingsError, one_line

GOOD = 0
NEGATIVE = 1
"""Done, and the answer is no."""
INPUT = 3
"""What was given cannot be read; a wrong command line is argparse's 2."""
UNFIT = 4
"""Quoth itself cannot be used, or its output not be written."""
INTERRUPTED = 130


def run_command(name: str, command: Callable[[], int]) -> int:
    """Runs `command` and gives its exit code; an error becomes a line on stderr that begins with `name`."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that is not in UTF-8 shows an escape where it lacks a character
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = command()
        # here, where a closed pipe is still ours to deal with, and not at exit
        if sys.stdout:
            sys.stdout.flush()
        return code
    except QuothError as error:
        _say(name, str(error))
        return UNFIT if isinstance(error, CorpusError | ModelError | SettingsError) else INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read the output has enough
        _drop_output()
        return GOOD
    except OSError as error:
        _drop_output()
        _say(name, f"{error.filename or 'output'}: {error.strerror}. Make room or choose another place.")
        return UNFIT


def print_json(value: Any, *, indent: int | None = None) -> None:
    """Writes `value` and a line break to stdout, as JSON that any encoding of stdout can carry."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(value, indent=indent, ensure_ascii=plain, allow_nan=False) + "\n")


def _say(name: str, problem: str) -> None:
    if sys.stderr:
        sys.stderr.write(f"{name}: {one_line(problem)}\n")


def _drop_output() -> None:
    """What is still buffered must not raise again at exit."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
