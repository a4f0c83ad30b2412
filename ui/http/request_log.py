"""What is logged, one JSON object a line: what happens, each request by an id, and, apart, who did what."""

from __future__ import annotations

import asyncio
import fcntl
import io
import json
import logging
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.embedded.edition import flush
from index.errors import SettingsError, one_line
from ui.http.rate_limit import RateLimit

if TYPE_CHECKING:
    from ui.access.person import Person

REQUEST_ID = "X-Request-ID"
MOST_REFUSED, MOST_REFUSED_OF_ONE = 30, 10
"""Of how many refusals in a minute the audit log is told, in all and of one person or address: at less than 1 kB each
those who are nobody to us can have it grow by about 40 MB a day, however hard they try."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered, where one is."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_PATH = 500
_LONGEST_SENT = 120
_OWN = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
"""What every record holds. All else was given with `extra`."""
_COLOURED = "color_message"
"""uvicorn's second copy of its message, for terminals."""

_log = logging.getLogger(__name__)


class JsonFormatter(logging.Formatter):
    """A record as one JSON object on one line, in ASCII: no text, wherever it came from, makes a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _stamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        given = {key: value for key, value in vars(record).items() if key not in _OWN and key != _COLOURED}
        return _one_object(line, given)


def json_formatter() -> logging.Formatter:
    """Formats a record as one JSON object: time (ISO 8601, UTC), level, logger, message, request_id (null outside a
    request), with an exception its traceback, and whatever was given with `extra`."""
    return JsonFormatter()


@contextmanager
def logging_in_json() -> Iterator[None]:
    """While this is entered, all that is logged is a line of JSON on standard error, and so is what libraries write
    there past the log: gradio writes tracebacks so, in which there may be what somebody sent."""
    handler = logging.StreamHandler()
    handler.setFormatter(json_formatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    with redirect_stderr(_Lines(sys.stderr)):
        yield


class _Lines(io.TextIOBase):
    """Stands before a stream: whatever is written at once is one line of JSON in it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if text.strip():
            # not handed to the log, which says here that it cannot be written
            record = logging.LogRecord("stderr", logging.WARNING, "", 0, text.rstrip(), None, None)
            self._stream.write(f"{json_formatter().format(record)}\n")
        return len(text)


def logged(app: ASGIApp) -> ASGIApp:
    """`app`, with an id for each request and one line when it has been answered: method, path, status, ms and user.

    The id is the X-Request-ID that came along, if it is 1 to 64 letters, digits, dots, underscores and dashes, and
    otherwise a new one; it is sent back, is in every line logged meanwhile and in scope["state"]["request_id"].
    """

    async def keep(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        name = _accepted(Headers(scope=scope).getlist(REQUEST_ID)) or secrets.token_hex(16)
        # made here, so that what is put into it further in, in a copy of the scope, is seen here
        state = scope.setdefault("state", {})
        state["request_id"] = name
        status: int | None = None

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                MutableHeaders(scope=message)[REQUEST_ID] = name
            await send(message)

        started = time.perf_counter()
        # and not reset: what the server says of a failure, it says later in this task, which is the request's own
        request_id.set(name)
        try:
            await app(scope, receive, watched)
        except Exception:
            # the server answers so where the app does not
            status = status or 500
            raise
        finally:
            ms = round(1000 * (time.perf_counter() - started), 3)
            path = one_line(scope["path"][:_LONGEST_PATH])
            _log.info(
                "%s %s %s",
                one_line(scope["method"]),
                path,
                status,
                extra={
                    "method": scope["method"],
                    "path": path,
                    "status": status,
                    "ms": ms,
                    "user": getattr(state.get("person"), "user", None),
                },
            )

    return keep


class AuditLog:
    """Who did what, one JSON object a line, in a file that only grows.

    May be used by several threads and processes at once. The file is opened anew for each line, so that it can be
    moved away while it is used.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    def open(cls, file: Path) -> AuditLog:
        """The log in `file`, made if there is none, readable by nobody else. Raises SettingsError where it cannot be
        written."""
        log = cls(file)
        log._append(b"")
        return log

    def record(self, event: str, person: Person | None, **fields: object) -> None:
        """Writes that `person`, None where it is not known who, did `event`: time, event, user, groups, request_id
        and `fields`. When it returns, the line is on the disk. Raises SettingsError where it cannot be written."""
        line = {
            "time": _stamp(time.time()),
            "event": event,
            "user": person.user if person else None,
            "groups": sorted(person.groups) if person else [],
            "request_id": request_id.get(),
        }
        self._append(_one_object(line, fields).encode("ascii") + b"\n")

    def _append(self, line: bytes) -> None:
        try:
            descriptor = os.open(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # without it, a line of which only a part is there yet would pass for one that was cut off
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise OSError(0, "it is no plain file")
                os.fchmod(descriptor, 0o600)
                size = found.st_size
                # a line that was cut off, when the power went or the disk was full, must not spoil this one
                if size and line and os.pread(descriptor, 1, size - 1) != b"\n":
                    line = b"\n" + line
                if os.write(descriptor, line) != len(line):
                    raise OSError(0, "no room left")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if not size:
                flush(self._file.parent)
        except OSError as error:
            raise SettingsError(
                f"the audit log {self._file} cannot be written ({error.strerror})",
                "Name a file in a folder that is there and writable, and make room",
            ) from error


class Refusals:
    """Tells an audit log of whom is turned away, by the gate, for want of a name or of a scope, or with a bad key.

    Whoever is turned away is nobody to us, so how much they can have written is bounded. What goes beyond is counted,
    and the next line that is written, or else the last one, says how many were left out before it: that there were
    more, and when, is what cannot be hidden by them. Each has its line in the ordinary log besides. A refusal stands
    where it cannot be written down: nothing was shown. Belongs to one event loop.
    """

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._of_one, self._of_all = RateLimit(MOST_REFUSED_OF_ONE), RateLimit(MOST_REFUSED)
        self._left_out = 0

    def watching(self, app: ASGIApp) -> ASGIApp:
        """`app`, with each refusal written down before it is sent."""

        async def watch(scope: Scope, receive: Receive, send: Send) -> None:
            async def watched(message: Message) -> None:
                if message["type"].endswith("http.response.start") and _refuses(message["status"], scope):
                    await self._refused(scope, message["status"])
                await send(message)

            await app(scope, receive, watched)

        return watch

    def close(self) -> None:
        """Writes how many were left out since the last line."""
        if self._left_out:
            self._write(None, self._left_out, {})

    async def _refused(self, scope: Scope, status: int) -> None:
        state, client = scope.get("state", {}), scope.get("client")
        person = state.get("person")
        address = client[0] if client else None
        caller = getattr(person, "user", None) or address or ""
        if self._of_one.check(caller) is not None or self._of_all.check("") is not None:
            self._left_out += 1
            return
        given, sent = Headers(scope=scope), {"method": scope.get("method", ""), "path": scope["path"]}
        sent |= {name: value for name in ("host", "origin") if (value := given.get(name)) is not None}
        fields = {"status": status, "client": address, **{name: _short(value) for name, value in sent.items()}}
        if "lacking" in state:
            fields["lacking"] = state["lacking"]
        left_out, self._left_out = self._left_out, 0
        if not await asyncio.to_thread(self._write, person, left_out, fields):
            self._left_out += left_out + 1

    def _write(self, person: Person | None, left_out: int, fields: Mapping[str, object]) -> bool:
        try:
            self._audit.record("refused", person, **fields, **({"left_out": left_out} if left_out else {}))
        except SettingsError:
            _log.exception("A refusal could not be written down")
            return False
        return True


def _refuses(status: int, scope: Scope) -> bool:
    # before it is asked who sent a request, a 400 is the gate's: a name by which nothing is served
    state = scope.get("state", {})
    # a tool's refusal is a 200 over HTTP, and says in the state for want of which scope it is
    return status in (401, 403) or (status == 400 and "person" not in state) or "lacking" in state


def _short(sent: str) -> str:
    """What somebody sent, in ASCII, on one line and not much of it."""
    return one_line(sent[:_LONGEST_SENT]).encode("ascii", "backslashreplace").decode()[:_LONGEST_SENT]


def _accepted(sent: list[str]) -> str | None:
    return sent[0] if len(sent) == 1 and _ID.fullmatch(sent[0]) else None


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _one_object(line: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """One line of JSON with the keys of both; where both have one, that of `line` holds."""
    # named twice: first for the order of the keys, then so that nothing given takes the place of one
    values = {**line, **given, **line}
    try:
        return json.dumps(values, default=str, allow_nan=False)
    except (ValueError, TypeError):
        # infinite, in a circle, or with keys that are no text
        return json.dumps(
            {key: value if isinstance(value, int | None) else str(value) for key, value in values.items()}
        )
