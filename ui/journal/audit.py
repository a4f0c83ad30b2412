"""Audit log: who asked, read, gave feedback or was refused; one JSON object a line, in a file that only grows."""

import asyncio
import fcntl
import logging
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import SettingsError, one_line
from index.files import flush
from ui.access.person import Person
from ui.http.rate_limit import RateLimit
from ui.http.request_log import json_line, request_id, timestamp

FILE = "audit.jsonl"
"""The audit log's name in the data folder."""
MOST_REFUSED, MOST_REFUSED_OF_ONE = 30, 10
"""How many refusals are written per minute, in all and for one person or address. Each takes less than 1 kB, so the log
grows by at most about 40 MB a day."""

_LONGEST_SENT = 120

_log = logging.getLogger(__name__)


class AuditLog:
    """The log in `file`. Threads and processes may share it.

    The file is reopened for each line, so that log rotation can move it away.
    """

    def __init__(self, file: Path) -> None:
        """Creates the file if it is missing, for its owner alone. Raises SettingsError if it cannot be written."""
        self._file = file
        self._append(b"")

    def record(self, event: str, person: Person | None, **fields: object) -> None:
        """Writes a line: time, event, user, groups, request_id and `fields`. `person` is None if it is not known.

        When this returns, the line is on the disk. Raises SettingsError if it cannot be written.
        """
        line = {
            "time": timestamp(time.time()),
            "event": event,
            "user": person.user if person else None,
            "groups": sorted(person.groups) if person else [],
            "request_id": request_id.get(),
        }
        self._append(json_line(line, fields).encode("ascii") + b"\n")

    def _append(self, line: bytes) -> None:
        try:
            with open(self._file, "ab+", buffering=0, opener=lambda path, flags: os.open(path, flags, 0o600)) as log:
                # without the lock, a line that another process has half written would look cut off
                fcntl.flock(log, fcntl.LOCK_EX)
                status = os.fstat(log.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise OSError(0, "it is not a regular file")
                os.fchmod(log.fileno(), 0o600)
                size = status.st_size
                # a line that was cut off by a power cut or a full disk must not spoil this one
                if size and line and os.pread(log.fileno(), 1, size - 1) != b"\n":
                    line = b"\n" + line
                if log.write(line) != len(line):
                    raise OSError(0, "no room left")
                os.fsync(log.fileno())
            if not size:
                flush(self._file.parent)
        except OSError as error:
            raise SettingsError(
                f"the audit log {self._file} cannot be written ({error.strerror})",
                "Name a file in a folder that exists and is writable, and make room",
            ) from error


class Refusals:
    """Writes refused requests to an audit log: wrong host, origin or key, no name, or a scope that is lacking.

    Strangers must not fill the disk, so the lines of a minute are bounded. The rest is counted, and the next line, or a
    last one, says how many were left out. If writing fails, the request is still refused. Belongs to one event loop.
    """

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._of_one, self._of_all = RateLimit(MOST_REFUSED_OF_ONE), RateLimit(MOST_REFUSED)
        self._left_out = 0

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """`app`, with each refusal written before it is sent."""

        async def watch(scope: Scope, receive: Receive, send: Send) -> None:
            async def write_refusal(message: Message) -> None:
                if message["type"] == "http.response.start" and _refuses(message["status"], scope["state"]):
                    await self._refused(scope, message["status"])
                await send(message)

            await app(scope, receive, write_refusal)

        return watch

    def close(self) -> None:
        """Writes how many were left out since the last line."""
        if self._left_out:
            self._write(None, self._left_out, {})

    async def _refused(self, scope: Scope, status: int) -> None:
        state, address = scope["state"], (scope.get("client") or [None])[0]
        person: Person | None = state.get("person")
        caller = (person and person.user) or address or ""
        if self._of_one.check(caller) is not None or self._of_all.check("") is not None:
            self._left_out += 1
            return
        headers, sent = Headers(scope=scope), {"method": scope["method"], "path": scope["path"]}
        sent |= {name: value for name in ("host", "origin") if (value := headers.get(name)) is not None}
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


def _refuses(status: int, state: Mapping[str, object]) -> bool:
    # a 400 before the person is known comes from the check of hosts
    # an MCP tool refuses with a 200, and the state says which scope was lacking
    return status in (401, 403) or (status == 400 and "person" not in state) or "lacking" in state


def _short(sent: str) -> str:
    """A header or a path, shortened to one line of ASCII."""
    return one_line(sent[:_LONGEST_SENT]).encode("ascii", "backslashreplace").decode()[:_LONGEST_SENT]
