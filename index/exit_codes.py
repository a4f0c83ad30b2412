"""Exit codes and error lines that all commands share."""

import io
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from index.errors import CorpusError, ModelError, QuothError, SettingsError, one_line

GOOD = 0
NEGATIVE = 1
"""The command ran, and the result is negative."""
INPUT = 3
"""An input cannot be read. (argparse exits with 2 for a wrong command line.)"""
UNFIT = 4
"""Quoth cannot run, or its output cannot be written."""
INTERRUPTED = 130


def run_command(name: str, command: Callable[[], int]) -> int:
    """Runs `command` and returns its exit code. An error becomes one line on stderr that begins with `name`."""
    for stream in (sys.stdout, sys.stderr):
        # a character that the terminal's encoding lacks is shown as an escape
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = command()
        # flushed now: at exit, an error from a closed pipe can no longer be handled
        if sys.stdout:
            sys.stdout.flush()
        return code
    except QuothError as error:
        _print_error(name, str(error))
        return UNFIT if isinstance(error, CorpusError | ModelError | SettingsError) else INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # the program that reads our output has closed the pipe
        _discard_output()
        return GOOD
    except OSError as error:
        if error.filename is None:
            _discard_output()
        _print_error(name, f"{error.filename or 'output'}: {error.strerror}. Make room or choose another place.")
        return UNFIT


def print_json(value: Any, *, indent: int | None = None) -> None:
    """Writes `value` to stdout as one JSON document with a line break, in ASCII unless stdout is UTF-8."""
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(value, indent=indent, ensure_ascii=ascii_only, allow_nan=False) + "\n")


def _print_error(name: str, problem: str) -> None:
    if sys.stderr:
        sys.stderr.write(f"{name}: {one_line(problem)}\n")


def _discard_output() -> None:
    """Keeps buffered output from raising again at exit."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
