"""Request log: JSON lines on standard error, one for each request, with a request id."""

import io
import json
import logging
import re
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import one_line
from ui.http.metrics import Metrics

REQUEST_ID = "X-Request-ID"

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the current request, if there is one."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_PATH = 500
# color_message is uvicorn's second copy of its message, for terminals
_NOT_EXTRA = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}

_log = logging.getLogger(__name__)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object: time (ISO 8601, UTC), level, logger, message, request_id (null outside a
    request), the traceback if there is an exception, and all that was given with `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json_line(line, {key: value for key, value in vars(record).items() if key not in _NOT_EXTRA})


def json_line(line: Mapping[str, object], extra: Mapping[str, object]) -> str:
    """`line` and `extra` as one JSON object, in ASCII on one line. Keys of `line` take precedence."""
    values = {**line, **extra, **line}
    try:
        return json.dumps(values, default=str, allow_nan=False)
    except (ValueError, TypeError):
        # an infinite number, a circular reference, or a key that is not a string
        return json.dumps(
            {key: value if isinstance(value, int | None) else str(value) for key, value in values.items()}
        )


def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


@contextmanager
def logging_in_json() -> Iterator[None]:
    """Context manager: standard error gets JSON lines only: the log, and all that libraries write to it directly.

    Gradio writes tracebacks to it, which can contain text that somebody sent.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    with redirect_stderr(_JsonStream(sys.stderr)):
        yield


class _JsonStream(io.TextIOBase):
    """Writes each text to `stream` as one line of JSON."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if text.strip():
            # not passed to the log, because the log writes its failures here
            record = logging.LogRecord("stderr", logging.WARNING, "", 0, text.rstrip(), None, None)
            self._stream.write(f"{JsonFormatter().format(record)}\n")
        return len(text)


def request_log(app: ASGIApp, metrics: Metrics) -> ASGIApp:
    """Middleware that gives each request an id, counts it, and logs it when it is answered: method, path, status, ms
    and user.

    The id is the X-Request-ID that the client sent if it is 1 to 64 letters, digits, dots, underscores and dashes,
    otherwise a new one. It is sent back, and is in every line logged meanwhile and in scope["state"]["request_id"].
    """

    async def log(scope: Scope, receive: Receive, send: Send) -> None:
        sent_ids = Headers(scope=scope).getlist(REQUEST_ID)
        accepted = len(sent_ids) == 1 and _ID.fullmatch(sent_ids[0])
        id = sent_ids[0] if accepted else secrets.token_hex(16)
        # made here: other middleware gets copies of the scope, but this dictionary is shared
        state = scope.setdefault("state", {})
        state["request_id"] = id
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = id
            await send(message)

        started = time.perf_counter()
        # not reset: the server may log a failure later in this task, which handles only this request
        request_id.set(id)
        try:
            await app(scope, receive, send_with_id)
        except Exception:
            # the server answers 500 if the app has not answered
            status = status or 500
            raise
        finally:
            ms = round(1000 * (time.perf_counter() - started), 3)
            path = one_line(scope["path"][:_LONGEST_PATH])
            user = getattr(state.get("person"), "user", None)
            # unknown paths share one label: with the path as label, anyone could add labels without limit
            metrics.request(getattr(scope.get("route"), "path", "none") or "/", status or 500)
            fields = {"method": scope["method"], "path": path, "status": status, "ms": ms, "user": user}
            _log.info("%s %s %s", one_line(scope["method"]), path, status, extra=fields)

    return log
