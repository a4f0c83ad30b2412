"""Refused requests in the audit log: each is written, but no more per minute than the limit."""

import json
import logging
import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from page_support import FakeAnswerer, app_of, article
from starlette.testclient import TestClient

from ui.access.identify import COOKIE
from ui.access.keyring import Keyring
from ui.http import rate_limit
from ui.journal.audit import FILE as AUDIT
from ui.journal.audit import MOST_REFUSED, MOST_REFUSED_OF_ONE

HOST = "ask.example"
WIKI = "https://wiki.example"
MODES = ["none", "proxy", "token"]


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rate_limit, "monotonic", clock)
    return clock


def client_of(address: str, data: Path, access: str, app: Any = None) -> TestClient:
    if app is None:
        secret = data / "embed"
        secret.write_text(secrets.token_hex(32))
        settings: dict[str, Any] = {"access": access, "data": data, "hosts": (HOST,), "origins": (WIKI,)}
        app = app_of(FakeAnswerer(article()), embed_secret=secret, proxies=("10.0.0.7",), **settings)
    return TestClient(app, base_url=f"https://{HOST}", client=(address, 1), raise_server_exceptions=False)


@pytest.fixture
def keyring(tmp_path: Path) -> Iterator[Keyring]:
    with closing(Keyring.open(tmp_path)) as keyring:
        yield keyring


def refused(data: Path) -> list[dict[str, Any]]:
    """The audit lines of refused requests, without those of documents that a person may not read."""
    lines = [json.loads(line) for line in (data / AUDIT).read_text(encoding="ascii").splitlines()]
    return [line for line in lines if line["event"] == "refused" and "what" not in line]


@pytest.mark.parametrize("access", MODES)
def test_every_kind_of_refusal_is_written(tmp_path: Path, clock: Clock, access: str) -> None:
    client = client_of("192.0.2.1", tmp_path, access)
    responses = [
        client.get("/api/v1/status", headers={"Authorization": "Bearer wrong"}),
        client.get("/api/v1/live", headers={"Host": "evil.example"}),
        client.get("/api/v1/live", headers={"Origin": "https://evil.example"}),
        client.post("/api/v1/session", json={"token": "wrong"}, headers={"Origin": WIKI}),
    ]
    expected = [("/api/v1/status", 401), ("/api/v1/live", 400), ("/api/v1/live", 403), ("/api/v1/session", 401)]
    if access == "token":
        responses.append(client.post("/sign-in", data={"key": "wrong"}))
        expected.append(("/sign-in", 403))
    assert [response.status_code for response in responses] == [status for _, status in expected]
    lines = refused(tmp_path)
    assert [(line["path"], line["status"]) for line in lines] == expected
    assert {(line["client"], line["user"]) for line in lines} == {("192.0.2.1", None)}
    assert lines[1]["host"] == "evil.example"
    assert [line.get("origin") for line in lines[:4]] == [None, None, "https://evil.example", WIKI]
    assert [line["request_id"] for line in lines] == [response.headers["x-request-id"] for response in responses]


def test_a_known_person_who_is_refused_is_named(tmp_path: Path, keyring: Keyring, clock: Clock) -> None:
    _, key = keyring.make("ada", ["staff"], ["metrics"], 1)
    client = client_of("192.0.2.1", tmp_path, "token")
    assert client.get("/api/v1/status", headers={"Authorization": f"Bearer {key}"}).status_code == 403
    assert client.post("/api/v1/ask", json=[], headers={"Authorization": f"Bearer {key}"}).status_code in (403, 422)
    (line, *_) = refused(tmp_path)
    assert (line["user"], line["groups"], line["status"]) == ("ada", ["staff"], 403)


def called(tool: str, **given: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": given}}


def test_a_refusal_by_an_mcp_tool_is_written(tmp_path: Path, keyring: Keyring, clock: Clock) -> None:
    _, key = keyring.make("ada", ["staff"], ["ask"], 1)
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json, text/event-stream"}
    with client_of("192.0.2.1", tmp_path, "token") as client:
        client.headers.update(headers)
        assert "isError" in client.post("/mcp", json=called("ask", question="bug")).text
        assert refused(tmp_path) == []
        response = client.post("/mcp", json=called("document", id=article().id))
    # over HTTP the status is that of any answer
    assert response.status_code == 200
    assert "takes the scope read" in response.text
    (line,) = refused(tmp_path)
    assert (line["user"], line["path"], line["lacking"], line["client"]) == ("ada", "/mcp", "read", "192.0.2.1")
    assert line["request_id"] == response.headers["x-request-id"]


def test_an_answered_request_is_not_written_as_refused(tmp_path: Path, keyring: Keyring, clock: Clock) -> None:
    _, key = keyring.make("ada", [], ["ask", "read"], 1)
    client = client_of("192.0.2.1", tmp_path, "token")
    known = {"Authorization": f"Bearer {key}"}
    assert client.get("/", follow_redirects=False).status_code == 303
    assert client.get("/api/v1/status", headers=known).status_code == 200
    assert client.get("/api/v1/documents/x", headers=known).status_code == 404
    assert client.post("/gradio_api/queue/join", content="{", headers={"Cookie": f"{COOKIE}={key}"}).status_code == 400
    assert refused(tmp_path) == []


@pytest.mark.parametrize("access", MODES)
def test_lines_are_limited_per_minute_and_the_rest_is_counted(tmp_path: Path, clock: Clock, access: str) -> None:
    eve = client_of("192.0.2.1", tmp_path, access)
    bad = {"Authorization": "Bearer wrong"}
    with eve:
        for _ in range(3 * MOST_REFUSED_OF_ONE):
            assert eve.get("/api/v1/status", headers=bad).status_code == 401
        assert len(refused(tmp_path)) == MOST_REFUSED_OF_ONE
        # other addresses have limits of their own, but there is also a limit for all together
        for n in range(2, 2 + MOST_REFUSED):
            other = client_of(f"192.0.2.{n}", tmp_path, access, eve.app)
            assert other.get("/api/v1/status", headers=bad).status_code == 401
        lines = refused(tmp_path)
        assert len(lines) == MOST_REFUSED
        assert lines[MOST_REFUSED_OF_ONE]["client"] == "192.0.2.2"
        assert lines[MOST_REFUSED_OF_ONE]["left_out"] == 2 * MOST_REFUSED_OF_ONE
        clock.now += 60
        assert eve.get("/api/v1/status", headers=bad).status_code == 401
        assert refused(tmp_path)[-1]["left_out"] == MOST_REFUSED_OF_ONE
        for _ in range(2 * MOST_REFUSED_OF_ONE):
            eve.get("/api/v1/status", headers=bad)
    # at the end, a last line counts the rest
    last = refused(tmp_path)[-1]
    assert (last["left_out"], last.get("client")) == (MOST_REFUSED_OF_ONE + 1, None)


def test_a_line_is_short_even_if_the_request_is_long(tmp_path: Path, clock: Clock) -> None:
    client = client_of("192.0.2.1", tmp_path, "token")
    for path in ("/" + "x" * 10_000, "/" + "%F0%9F%91%A8" * 3000, "/" + "%00%1B" * 3000, "/" + "%5C" * 9000):
        client.request("M" * 500, path, headers={"Host": "evil" * 1000, "X-Request-ID": "i" * 64})
    lines = (tmp_path / AUDIT).read_text(encoding="ascii").splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) < 1000


@pytest.mark.parametrize("access", MODES)
def test_a_request_is_refused_even_if_the_refusal_cannot_be_written(
    tmp_path: Path, clock: Clock, access: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of("192.0.2.1", tmp_path, access)
    file = tmp_path / AUDIT
    kept = file.rename(tmp_path / "kept")
    file.mkdir()
    with caplog.at_level(logging.ERROR, logger="ui.journal.audit"):
        for status, headers in ((401, {"Authorization": "Bearer wrong"}), (400, {"Host": "evil.example"})):
            response = client.get("/api/v1/status", headers=headers)
            assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
            assert str(tmp_path) not in response.text
    assert "could not be written down" in caplog.text
    file.rmdir()
    kept.rename(file)
    assert client.get("/api/v1/status", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert refused(tmp_path)[-1]["left_out"] == 2
