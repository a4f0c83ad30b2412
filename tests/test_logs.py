"""Request log: one JSON object per line, one line per request. Audit log: no acknowledged line is lost."""

import asyncio
import json
import logging
import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from index.errors import SettingsError
from ui.access.person import Person
from ui.http.metrics import Metrics
from ui.http.rate_limit import Admission
from ui.http.request_log import JsonFormatter, request_id, request_log
from ui.journal.audit import AuditLog

ROOT = Path(__file__).parent.parent
ADA = Person("ada", frozenset({"staff", "board"}), frozenset())


@dataclass
class Kept(logging.Handler):
    """A handler that collects formatted lines."""

    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    __hash__ = logging.Handler.__hash__


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler = Kept()
    logger = logging.getLogger("ui.http.request_log")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def record(message: str, *values: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("ui.test", logging.WARNING, "file.py", 1, message, values, None)
    vars(made).update(extra)
    return made


def test_a_line_has_time_level_logger_message_and_extra_fields() -> None:
    line = json.loads(JsonFormatter().format(record("It is %d", 7, edition="one", ms=2.5, color_message="\x1b[1mIt")))
    when = datetime.fromisoformat(line.pop("time"))
    assert when.utcoffset() == timedelta(0)
    assert line == {
        "level": "warning",
        "logger": "ui.test",
        "message": "It is 7",
        "request_id": None,
        "edition": "one",
        "ms": 2.5,
    }


def test_an_exception_is_on_the_same_line() -> None:
    try:
        raise RuntimeError("one\ntwo")
    except RuntimeError:
        made = record("It failed")
        made.exc_info = sys.exc_info()
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert "RuntimeError: one\ntwo" in json.loads(line)["exception"]


@given(message=st.text(), name=st.text(), value=st.text())
def test_no_text_adds_a_line_or_a_key(message: str, name: str, value: str) -> None:
    formatted = JsonFormatter().format(record("%s", message, **{f"given_{name}": value}))
    assert re.fullmatch(r"[ -~]*", formatted)
    line = json.loads(formatted)
    assert (line["message"], line[f"given_{name}"]) == (message, value)
    assert len(line) == 6


def test_extra_fields_do_not_replace_the_formatters_fields() -> None:
    line = json.loads(JsonFormatter().format(record("true", time="yesterday", level="debug", request_id="forged")))
    assert (line["level"], line["message"], line["request_id"]) == ("warning", "true", None)
    assert line["time"] != "yesterday"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, {(1, 2): 3}, object(), b"\xff", "\ud800"])
def test_a_line_is_json_even_if_an_extra_value_is_not(value: object) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    line = json.loads(JsonFormatter().format(record("It is so", value=value)), parse_constant=refuse)
    assert (line["message"], line["level"]) == ("It is so", "warning")
    assert isinstance(line["value"], str)


def metrics() -> Metrics:
    return Metrics(Admission(1, 0), "2026-01-01T00:00:00+00:00")


def app() -> TestClient:
    def answer(request: Request) -> Response:
        request.state.person = ADA
        logging.getLogger("ui.http.request_log").info("from a thread")
        return PlainTextResponse("yes", 201, headers={"x-request-id": "the app's own"})

    def fail(request: Request) -> Response:
        raise RuntimeError("a bug")

    inner = Starlette(routes=[Route("/{any:path}", answer, methods=["GET", "POST"])])
    routes = [Route("/fail", fail), Mount("/", inner)]
    return TestClient(request_log(Starlette(routes=routes), metrics()), raise_server_exceptions=False)


def test_a_request_is_one_line_without_query_and_body(kept: Kept) -> None:
    response = app().post("/ask?question=secret", json={"question": "Who is it?"}, headers={"X-Request-ID": "a.B_9-"})
    assert response.headers.get_list("x-request-id") == ["a.B_9-"]
    within, line = kept.objects
    assert (within["message"], within["request_id"]) == ("from a thread", "a.B_9-")
    assert isinstance(line.pop("ms"), float)
    del line["time"]
    assert line == {
        "level": "info",
        "logger": "ui.http.request_log",
        "message": "POST /ask 201",
        "request_id": "a.B_9-",
        "method": "POST",
        "path": "/ask",
        "status": 201,
        "user": "ada",
    }
    assert request_id.get() is None


@pytest.mark.parametrize("sent", ["", "a b", "a" * 65, 'a"', "a\n", "é", "a;b", "../a"])
def test_an_invalid_request_id_is_replaced(kept: Kept, sent: str) -> None:
    response = app().get("/", headers={b"X-Request-ID": sent.encode()})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])
    assert kept.objects[-1]["request_id"] == response.headers["x-request-id"]


def test_each_request_without_exactly_one_id_gets_a_new_one(kept: Kept) -> None:
    client = app()
    one = client.get("/", headers=[("X-Request-ID", "a"), ("X-Request-ID", "b")]).headers["x-request-id"]
    two, three = (client.get("/").headers["x-request-id"] for _ in range(2))
    assert len({one, two, three, "a", "b"}) == 5


def test_control_characters_in_a_path_are_escaped(kept: Kept) -> None:
    app().get("/a%0Ab%1b[31m%E2%80%AE" + "x" * 10_000)
    line = kept.objects[-1]
    assert line["path"].startswith(r"/a\nb\x1b[31m\u202ex")
    assert len(line["path"]) < 600
    assert line["path"] in line["message"]


def test_a_failed_request_is_logged(kept: Kept) -> None:
    response = app().get("/fail")
    assert response.status_code == 500
    (line,) = kept.objects
    assert (line["status"], line["user"]) == (500, None)
    assert line["request_id"] == response.headers["x-request-id"]


def test_a_failure_before_the_response_is_a_500_and_a_disconnect_has_no_status(kept: Kept) -> None:
    async def failing(*_: object) -> None:
        raise RuntimeError

    async def silent(*_: object) -> None:
        pass

    async def nothing() -> Any:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(RuntimeError):
        asyncio.run(request_log(failing, metrics())({**scope}, nothing, silent))
    asyncio.run(request_log(silent, metrics())({**scope}, nothing, silent))
    assert [line["status"] for line in kept.objects] == [500, None]


def audited(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="ascii").split("\n")[:-1]]


def test_an_audit_line_has_time_event_person_and_fields(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    log = AuditLog(file)
    log.record("ask", ADA, answer="a1", answered=True)
    log.record("refused", None, reason="no\nkey", user="forged", time="never")
    first, second = audited(file)
    assert datetime.fromisoformat(first.pop("time")).utcoffset() == timedelta(0)
    assert first == {
        "event": "ask",
        "user": "ada",
        "groups": ["board", "staff"],
        "request_id": None,
        "answer": "a1",
        "answered": True,
    }
    assert (second["user"], second["groups"], second["reason"]) == (None, [], "no\nkey")
    assert datetime.fromisoformat(second["time"])
    assert file.stat().st_mode & 0o777 == 0o600


def test_an_audit_log_is_appended_to_and_can_be_rotated(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    AuditLog(file).record("one", ADA)
    file.chmod(0o644)
    log = AuditLog(file)
    assert file.stat().st_mode & 0o777 == 0o600
    log.record("two", ADA)
    file.rename(tmp_path / "audit.log.1")
    log.record("three", ADA)
    assert [line["event"] for line in audited(tmp_path / "audit.log.1")] == ["one", "two"]
    assert [line["event"] for line in audited(file)] == ["three"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_line_after_an_incomplete_line_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    file.write_text('{"event": "cut')
    log = AuditLog(file)
    log.record("whole", ADA)
    cut, whole, _ = file.read_text().split("\n")
    assert (cut, json.loads(whole)["event"]) == ('{"event": "cut', "whole")


def test_an_audit_log_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file or directory"):
        AuditLog(tmp_path / "none" / "audit.log")
    with pytest.raises(SettingsError, match="Is a directory"):
        AuditLog(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError, match="not a regular file"):
        AuditLog(tmp_path / "pipe")


def test_a_full_disk_is_an_error_and_later_lines_are_whole(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    log = AuditLog(file)
    log.record("one", ADA)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # simulates a full disk: half of the line fits
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 50, before[1]))
    try:
        with pytest.raises(SettingsError, match="make room"):
            log.record("two", ADA)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.record("three", ADA)
    one, _, three, _ = file.read_text().split("\n")
    assert [json.loads(line)["event"] for line in (one, three)] == ["one", "three"]


def test_threads_can_share_an_audit_log(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    threads = [
        threading.Thread(target=lambda name=name: [log.record(name, ADA, filler="x" * 9000) for _ in range(10)])
        for name in "abcd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = [line["event"] for line in audited(tmp_path / "audit.log")]
    assert {name: events.count(name) for name in "abcd"} == dict.fromkeys("abcd", 10)


AUDITOR = """
import sys, itertools
from pathlib import Path
from ui.access.person import Person
from ui.journal.audit import AuditLog

log = AuditLog(Path(sys.argv[1]))
for number in itertools.count():
    log.record("ask", Person("ada", frozenset(), frozenset()), number=f"{sys.argv[2]}-{number}")
    print(f"{sys.argv[2]}-{number}", flush=True)
"""


def test_acknowledged_lines_of_two_processes_survive_kill_9(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", AUDITOR, str(file), name],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    acknowledged = []
    for process in processes:
        assert process.stdout is not None
        acknowledged += [process.stdout.readline() for _ in range(30)]
    for process in processes:
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        acknowledged += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    kept = {line["number"] for line in audited(file)}
    assert {line.strip() for line in acknowledged} <= kept
