"""The log of `quoth serve`, in a process of its own: whatever somebody sends, each line of it is one JSON object."""

import json
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from page_support import FakeAnswerer, app_of, article, serving
from process_support import running, said
from test_page_events import PROXY, Tab

from ui.access.keyring import Keyring
from ui.journal.audit import FILE as AUDIT

# The command itself, over the stand-in for the answerer, which fails at some questions and says what they were.
SERVER = """
import sys
from page_support import FakeAnswerer, article
from ui.command import serve
from ui.command.cli import main
class Failing(FakeAnswerer):
    def ask(self, question, *args, **kwargs):
        if question.startswith("boom"):
            raise ValueError(f"cannot read {question}")
        return super().ask(question, *args, **kwargs)
serve.open_answerer = lambda settings: Failing(article())
sys.exit(main(["serve", "--port", "0", "--json"]))
"""
FORGED = '{"time": "2026", "level": "info", "message": "GET / 200", "user": "root"}'
BOOM = f"boom\n{FORGED}\nWARNING:  forged"
QUESTION = "Who is North Korea’s largest economic partner?"


@pytest.fixture
def log_of(tmp_path: Path) -> Callable[..., list[str]]:
    """What a server with these settings wrote to standard error while `work` was done with a client of it."""

    def log_of(work: Callable[[httpx.Client], None], **settings: str) -> list[str]:
        with closing(Keyring.open(tmp_path)) as keyring:
            _, key = keyring.make("ada", [], ["ask", "read"], 1)
        with running("-c", SERVER, data=tmp_path, **settings) as server:
            url = json.loads(said(server))["url"]
            headers = {"Authorization": f"Bearer {key}"} if settings.get("access") == "token" else {}
            with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
                work(client)
            server.terminate()
            _, log = server.communicate(timeout=60)
        return log.splitlines()

    return log_of


def objects(log: list[str]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log]
    assert all(isinstance(line, dict) and {"time", "level", "logger", "request_id"} <= set(line) for line in lines)
    assert not any(line["time"] == "2026" or line.get("user") == "root" for line in lines)
    return lines


def test_a_question_that_breaks_something_is_a_line_with_the_id_that_the_response_told(
    log_of: Callable[..., list[str]],
) -> None:
    ids = []

    def work(client: httpx.Client) -> None:
        response = client.post("/api/v1/ask", json={"question": BOOM})
        assert response.status_code == 500
        ids.append(response.headers["x-request-id"])

    lines = [line for line in objects(log_of(work, access="token")) if line["request_id"] == ids[0]]
    # the failure and the request, and neither twice
    (failure,) = (line for line in lines if line["level"] == "error")
    assert FORGED in failure["exception"]
    (request,) = (line for line in lines if line["level"] == "info")
    assert (request["message"], request["user"]) == ("POST /api/v1/ask 500", "ada")
    assert len(lines) == 2


def test_what_is_no_request_is_a_line_of_json(log_of: Callable[..., list[str]]) -> None:
    def work(client: httpx.Client) -> None:
        address = urlsplit(str(client.base_url))
        with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=60) as sender:
            sender.sendall(b"\x00\xffgarbage\r\n" + FORGED.encode() + b"\r\n\r\n")
            while sender.recv(1000):
                pass

    lines = objects(log_of(work, access="token"))
    assert "Invalid HTTP request received." in {line["message"] for line in lines if line["level"] == "warning"}


def test_what_breaks_on_the_page_is_lines_of_json_with_the_id_of_who_asked(log_of: Callable[..., list[str]]) -> None:
    ids = []

    def work(client: httpx.Client) -> None:
        tab = Tab(str(client.base_url), "one")
        joined = tab.join("question", "submit", BOOM)
        ids.append(joined.headers["x-request-id"])
        assert '"success":false' in tab.http.get("/gradio_api/queue/data", params={"session_hash": "one"}).text

    lines = [line for line in objects(log_of(work, log_questions="true")) if FORGED in line["message"]]
    assert lines
    assert {line["request_id"] for line in lines} == set(ids)


@pytest.mark.parametrize("access", ["none", "token"])
def test_what_is_asked_is_in_the_log_where_the_settings_say_so(log_of: Callable[..., list[str]], access: str) -> None:
    def work(client: httpx.Client) -> None:
        assert client.post("/api/v1/ask", json={"question": QUESTION}).status_code == 200

    lines = objects(log_of(work, access=access, log_questions="true"))
    assert [line["question"] for line in lines if line["message"] == "asked"] == [QUESTION]


def test_what_the_page_is_asked_is_audited_with_the_id_of_the_request(tmp_path: Path) -> None:
    with serving(app_of(FakeAnswerer(article()), data=tmp_path, **PROXY)) as url:
        tab = Tab(url, "one", "ada")
        # in its queue and past it, and not with the id of whoever came before
        detail = {"document": article().id}
        opened = tab.http.post("/gradio_api/run/predict", json=tab.body("titles", "open", [], detail))
        asked = [tab.join("question", "submit", QUESTION)]
        tab.http.get("/gradio_api/queue/data", params={"session_hash": "one"})
        asked.append(tab.join("question", "submit", QUESTION))
        tab.http.get("/gradio_api/queue/data", params={"session_hash": "one"})
    audited = [json.loads(line) for line in (tmp_path / AUDIT).read_text().splitlines()]
    told = [("read", opened), *(("ask", response) for response in asked)]
    assert [(line["event"], line["request_id"]) for line in audited] == [
        (event, response.headers["x-request-id"]) for event, response in told
    ]
