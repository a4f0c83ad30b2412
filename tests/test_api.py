"""The JSON API, in process, and the two applications between it and the page: the lazy one and the guard."""

import json
import logging
import math
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from fastapi import FastAPI
from page_support import FakeAnswerer, app_of, article
from process_support import until_ready
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from index.errors import EditionDamaged
from index.types import Document
from rag.answer import Answerer
from rag.types import Answer, Turn
from ui.access.keyring import Keyring
from ui.api.schema import MOST_TURNS
from ui.http.body_limit import LARGEST
from ui.journal.audit import FILE as AUDIT
from ui.journal.journal import FILE as JOURNAL
from ui.page import lazy_app as deferred
from ui.page.gradio_guard import only_listeners, only_the_page
from ui.page.lazy_app import Deferred
from ui.service import FAULT

PROBLEM = "application/problem+json"


@pytest.fixture
def fake() -> FakeAnswerer:
    return FakeAnswerer(article())


@pytest.fixture
def client(fake: FakeAnswerer) -> TestClient:
    """The application without its lifespan: the page is never built."""
    return TestClient(app_of(fake), base_url="http://127.0.0.1")


def test_an_answer_is_a_row_whose_citations_have_places(client: TestClient) -> None:
    row = client.post("/api/v1/ask", json={"question": "Who is North Korea’s largest economic partner?"}).json()
    document = article()
    assert (row["version"], row["status"], row["edition"]) == (1, "answered", "test-edition")
    assert len(row["id"]) == 32
    assert row["closest"] == []
    best = row["citations"][0]
    assert best["text"] == document.text[best["start"] : best["end"]]
    assert "largest economic partner" in best["text"]
    assert best["title"] == document.title
    assert (best["number"], best["paragraph"]) == (1, 13)
    assert best["heading"].startswith("Assertion of mutual defence")


def test_an_unanswered_question_has_closest_passages_and_no_citations(client: TestClient) -> None:
    row = client.post("/api/v1/ask", json={"question": "Who won?"}).json()
    assert (row["status"], row["citations"]) == ("unanswered", [])
    assert row["closest"][0]["number"] == 1


def test_earlier_turns_are_passed_on(client: TestClient, fake: FakeAnswerer) -> None:
    history = [{"question": "Who came?", "answer": "Putin came.", "documents": ["a", "b"]}, {"question": "Why?"}]
    assert client.post("/api/v1/ask", json={"question": "When?", "history": history}).status_code == 200
    assert fake.asked == [("When?", (Turn("Who came?", "Putin came.", ("a", "b")), Turn("Why?", "")))]


def test_the_risk_of_a_question_overrides_the_setting(client: TestClient) -> None:
    question = {"question": "Who is North Korea’s largest economic partner?"}
    asked = [client.post("/api/v1/ask", json=question | more).json() for more in ({}, {"risk": 0}, {"risk": None})]
    assert [row["status"] for row in asked] == ["answered", "unanswered", "answered"]


@pytest.mark.parametrize("risk", [1, 0.3, 0])
def test_the_reasons_are_given_only_if_asked_for(answerer: Answerer, risk: float) -> None:
    client = TestClient(app_of(answerer), base_url="http://127.0.0.1")
    body = {"question": "Who is North Korea’s largest economic partner?", "risk": risk}
    assert "why" not in client.post("/api/v1/ask", json=body).json()
    row = client.post("/api/v1/ask", json=body | {"why": True}).json()
    assert row["why"]["risk"] == risk
    assert (row["why"]["threshold"] is None) == (risk == 0)
    if risk != 0.3:
        assert row["status"] == ("answered" if risk else "unanswered")
    (form,) = row["why"]["forms"]
    assert form["confidence"] == pytest.approx(row["confidence"], abs=1e-6)
    assert form["sentences"][0]["text"] in (row["citations"] or row["closest"])[0]["text"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"question": "  "}, "The question is empty"),
        ({"question": "x" * 2001}, "longer than 2000 characters"),
        ({}, "body.question"),
        ({"question": "x", "histroy": []}, "body.histroy"),
        ({"question": "x", "history": [{"question": 1}]}, "body.history.0.question"),
        ([], "body"),
        ({"question": "x", "history": [{"question": "y"}] * (MOST_TURNS + 1)}, "at most 50 items"),
        ({"question": "x", "history": [{"question": "\x1b[31mWho?"}]}, "control character U+001B"),
        ({"question": "\ud800"}, "half of a surrogate pair"),
        ({"question": "x", "history": [{"question": "\udc00"}]}, "half of a surrogate pair"),
        ({"question": "x", "history": [{"question": "y", "answer": "\udc00"}]}, "half of a surrogate pair"),
        ({"question": "x", "\ud800": 1}, "half of a surrogate pair"),
        ({"question": "x", "risk": 1.5}, "body.risk"),
        ({"question": "x", "risk": -0.1}, "body.risk"),
        ({"question": "x", "risk": "0.1"}, "body.risk"),
        ({"question": "x", "risk": True}, "body.risk"),
        ({"question": "x", "risk": math.nan}, "body.risk"),
        ({"question": "x", "why": 1}, "body.why"),
        ({"question": "x", "a\x1b[31m\nb": 1}, "body.a\\x1b[31m\\nb: "),
    ],
)
def test_an_invalid_question_is_a_problem(client: TestClient, body: object, detail: str) -> None:
    response = client.post("/api/v1/ask", content=json.dumps(body), headers={"content-type": "application/json"})
    assert (response.status_code, response.headers["content-type"]) == (422, PROBLEM)
    assert detail in response.json()["detail"]
    assert response.json()["status"] == 422


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"[" * 60_000, 422, "nested too deep"),
        (b'{"question": ' + b"1" * 5000 + b"}", 422, "a number is too long"),
        (b'{"question": "\xff"}', 422, "not UTF-8"),
        (b"{", 422, "not JSON"),
        (b'{"question": "' + b"x" * LARGEST + b'"}', 413, "larger than 65,536 bytes"),
    ],
)
def test_a_body_that_is_large_or_not_strict_json_is_a_problem(
    client: TestClient, body: bytes, status: int, detail: str
) -> None:
    response = client.post("/api/v1/ask", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.headers["content-type"]) == (status, PROBLEM)
    assert detail in response.json()["detail"]


def test_the_most_turns_that_are_allowed_are_passed_on(client: TestClient, fake: FakeAnswerer) -> None:
    history = [{"question": "Why?"}] * MOST_TURNS
    assert client.post("/api/v1/ask", json={"question": "When?", "history": history}).status_code == 200
    assert len(fake.asked[0][1]) == MOST_TURNS


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:7860", "localhost", "LOCALHOST:80", "[::1]", "[::1]:7860"])
def test_this_machine_is_served_by_its_names(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/live", headers={"host": host}).status_code == 204


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.", "[::2]", "::1", "", "localhost@evil.example:80"]
)
@pytest.mark.parametrize("path", ["/api/v1/live", "/", "/gradio_api/heartbeat/x"])
def test_no_other_name_is_answered(client: TestClient, host: str, path: str) -> None:
    response = client.get(path, headers={"host": host})
    assert response.status_code == 400
    assert response.headers["x-content-type-options"] == "nosniff"


def test_every_response_has_the_security_headers(
    client: TestClient,
) -> None:
    broken = TestClient(client.app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    answers = [client.get("/api/v1/live"), client.get("/nothing"), client.post("/api/v1/ask", json={})]
    answers.append(broken.post("/api/v1/ask", json={"question": "bug"}))
    assert [answer.status_code for answer in answers] == [204, 404, 422, 500]
    for answer in answers:
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["connect-src"] == policy["frame-ancestors"] == "'self'"
        assert (policy["img-src"], policy["object-src"]) == ("'self' data:", "'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_a_fault_of_the_server_is_described_only_in_the_log(
    client: TestClient, fake: FakeAnswerer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> Answer:
        raise EditionDamaged("/srv/corpus/editions/7/dense.faiss is damaged", "Index the documents again")

    monkeypatch.setattr(fake, "ask", fail)
    monkeypatch.setattr(fake.corpus, "document", fail)
    for response in (client.post("/api/v1/ask", json={"question": "x"}), client.get("/api/v1/documents")):
        assert (response.status_code, response.headers["content-type"]) == (503, PROBLEM)
        assert response.json()["detail"] == FAULT
        assert int(response.headers["retry-after"]) > 0
    assert caplog.text.count("/srv/corpus/editions/7/dense.faiss is damaged. Index the documents again.") == 2


def test_a_journal_that_fails_withholds_no_answer(
    fake: FakeAnswerer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = TestClient(app_of(fake, journal=True, data=tmp_path), base_url="http://127.0.0.1")
    question = {"question": "Who is North Korea’s largest economic partner?"}
    kept = client.post("/api/v1/ask", json=question).json()
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as database:
        database.execute("ALTER TABLE asked RENAME TO elsewhere")
    row = client.post("/api/v1/ask", json=question).json()
    assert row["citations"] == kept["citations"]
    assert "could not be written into the journal" in caplog.text
    # but what somebody thought is not said to be kept where it is not
    response = client.post("/api/v1/feedback", json={"id": kept["id"], "verdict": "up"})
    assert (response.status_code, response.json()["detail"]) == (503, FAULT)


def test_nothing_is_handed_out_if_the_audit_log_fails(
    fake: FakeAnswerer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"access": "proxy", "proxies": ("10.0.0.7",), "hosts": ("ask.example",), "data": tmp_path}
    client = TestClient(
        app_of(fake, **settings),
        base_url="https://ask.example",
        client=("10.0.0.7", 1),
        headers={"X-Forwarded-User": "ada"},
    )
    id = article().id
    assert client.get(f"/api/v1/documents/{id}").status_code == 200
    assert client.get(f"/api/v1/documents/{'0' * 64}").status_code == 404
    assert client.get("/api/v1/documents", params={"after": "0" * 64}).status_code == 404
    lines = [json.loads(line) for line in (tmp_path / AUDIT).read_text().splitlines()]
    assert [(line["event"], line["user"], line["what"]) for line in lines] == [
        ("read", "ada", id), ("refused", "ada", "0" * 64), ("refused", "ada", "titles"),
    ]  # fmt: skip
    (tmp_path / AUDIT).unlink()
    (tmp_path / AUDIT).mkdir()
    for response in (
        client.get(f"/api/v1/documents/{id}"),
        client.get(f"/api/v1/documents/{'0' * 64}"),
        client.get("/api/v1/documents"),
        client.post("/api/v1/ask", json={"question": "Who came?"}),
    ):
        assert (response.status_code, response.json()["detail"]) == (503, FAULT)
        assert str(tmp_path) not in response.text


def test_the_status_gives_the_edition_and_the_counts(client: TestClient, fake: FakeAnswerer) -> None:
    passages = fake.corpus.counts.passages
    assert passages > 1
    assert client.get("/api/v1/status").json() == {"edition": "test-edition", "documents": 1, "passages": passages}


def test_the_list_of_documents_is_given_in_parts() -> None:
    titles = ["Cats at sea", "cattle", "Dogs", "The cats of Rome"]
    documents = [Document.of(f"This is number {n}.", title=title) for n, title in enumerate(titles)]
    client = TestClient(app_of(FakeAnswerer(*documents)), base_url="http://127.0.0.1")

    def listed(**query: str | int) -> tuple[list[str], str | None]:
        part = client.get("/api/v1/documents", params=query).json()
        return [document["title"] for document in part["documents"]], part["next"]

    assert listed() == (titles, None)
    assert listed(limit=3) == (titles[:3], documents[2].id)
    assert listed(limit=3, after=documents[2].id) == (titles[3:], None)
    assert listed(after=documents[3].id) == ([], None)
    assert listed(q="sea cats") == ([titles[0]], None)
    assert listed(q="cats") == ([titles[0], titles[3]], None)
    for limit in (0, 1001):
        assert client.get("/api/v1/documents", params={"limit": limit}).status_code == 422
    assert client.get("/api/v1/documents", params={"limit": 1000}).status_code == 200


def test_health_checks_need_no_sign_in_and_answer_get_and_head(tmp_path: Path) -> None:
    settings = {"access": "proxy", "proxies": ("10.0.0.7",), "hosts": ("127.0.0.1",), "data": tmp_path}
    stranger = TestClient(app_of(FakeAnswerer(article()), **settings), base_url="http://127.0.0.1")

    def statuses(path: str) -> list[int]:
        return [stranger.request(method, f"/api/v1/{path}").status_code for method in ("GET", "HEAD")]

    assert statuses("live") == [204, 204]
    # while the page is built, the next answer would come slowly
    assert statuses("ready") == [503, 503]
    assert stranger.get("/api/v1/ready").headers["retry-after"] == "1"
    with stranger:
        assert stranger.get("/theme.css").status_code == 401
        until_ready(stranger)
        assert statuses("ready") == [204, 204]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/api/v1/nothing", "/gradio_api/info"])
def test_other_paths_are_not_found(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("base", ["", "/ask"])
@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/ask/", "/api/v2/ask", "/api/", "/api/v1/documents/a/b"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_paths_that_the_api_does_not_have_are_a_problem(method: str, path: str, base: str) -> None:
    client = TestClient(app_of(FakeAnswerer(article()), base=base), base_url="http://127.0.0.1")
    response = client.request(method, f"{base}{path}")
    assert (response.status_code, response.headers["content-type"]) == (404, PROBLEM)
    assert response.json()["detail"] == "The API has no such path"


def test_a_person_without_the_scopes_of_the_page_is_refused_the_page_alone(tmp_path: Path) -> None:
    client = TestClient(app_of(FakeAnswerer(article()), access="token", data=tmp_path), base_url="http://127.0.0.1")
    with closing(Keyring.open(tmp_path)) as keyring:
        _, key = keyring.make("watcher", [], ["metrics"], 1)
    watching = {"Authorization": f"Bearer {key}"}
    assert client.get("/metrics", headers=watching).status_code == 200
    assert client.get("/api/v1/nothing", headers=watching).status_code == 404
    assert client.get("/", headers=watching).status_code == 403
    assert client.get("/api/v1/nothing").status_code == 401


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("scopes", [["ask"], ["ask", "feedback"]])
def test_an_answer_says_whether_feedback_is_taken(tmp_path: Path, journal: bool, scopes: list[str]) -> None:
    app = app_of(FakeAnswerer(article()), access="token", data=tmp_path, journal=journal)
    with closing(Keyring.open(tmp_path)) as keyring:
        _, key = keyring.make("ada", [], scopes, 1)
    client = TestClient(app, base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {key}"})
    row = client.post("/api/v1/ask", json={"question": "Who came?"}).json()
    given = client.post("/api/v1/feedback", json={"id": row["id"], "verdict": "up"})
    assert row["feedback"] == (given.status_code == 204) == (journal and "feedback" in scopes)


def test_importing_the_api_and_the_page_imports_no_gradio() -> None:
    code = """
import os, sys
before = dict(os.environ)
import ui.app
assert "gradio" not in sys.modules
assert os.environ == before
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# --- the deferred page ---


def paged(build: object) -> FastAPI:
    page = Deferred(build)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with page.lifespan():
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/api")
    def api() -> str:
        return "at once"

    app.mount("/", page)
    return app


def test_the_page_is_waited_for_while_the_rest_answers_and_its_lifespan_is_run() -> None:
    release, events = threading.Event(), []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        events.append("start")
        yield
        events.append("stop")

    def build() -> FastAPI:
        assert release.wait(10)
        inner = FastAPI(lifespan=lifespan)
        inner.get("/")(lambda: "the page")
        return inner

    with TestClient(paged(build)) as client:
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(client.get("/").json()))
        asking.start()
        assert client.get("/api").json() == "at once"
        assert answers == []
        release.set()
        asking.join(10)
        assert answers == ["the page"]
        assert events == ["start"]
    assert events == ["start", "stop"]


def test_a_page_that_cannot_be_built_is_reported_to_who_asks_and_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def build() -> FastAPI:
        raise FileNotFoundError("page.css")

    with caplog.at_level(logging.ERROR), TestClient(paged(build)) as client:
        assert client.get("/").status_code == 500
        assert "could not be built (FileNotFoundError)" in client.get("/").text
        assert client.get("/api").json() == "at once"
    assert "page.css" in caplog.text


def test_the_page_is_built_unasked_after_a_while_and_not_at_all_where_the_server_closes_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built = threading.Event()

    def build() -> FastAPI:
        built.set()
        return FastAPI()

    with TestClient(paged(build)):
        pass
    assert not built.is_set()
    monkeypatch.setattr(deferred, "GRACE", 0.01)
    with TestClient(paged(build)):
        assert built.wait(10)


# --- the doors ---


@pytest.fixture
def doors() -> TestClient:
    async def echo(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    app = Starlette()
    app.add_route("/{path:path}", echo, methods=["GET", "HEAD", "POST", "PUT"])
    return TestClient(only_the_page(app))


@pytest.mark.parametrize("path", ["/", "/theme.css", "/assets/a/b.js", "/gradio_api/heartbeat/x1"])
def test_what_the_page_asks_for_is_let_through(doors: TestClient, path: str) -> None:
    assert doors.get(path).status_code == 200
    assert doors.head(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/file=http://example.invalid/"),
        ("GET", "/gradio_api/proxy=http://example.invalid/"),
        ("GET", "/config"),
        ("GET", "/monitoring"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/"),
        ("PUT", "/gradio_api/queue/join"),
        ("GET", "/gradio_api/heartbeat/x/y"),
    ],
)
def test_what_the_page_does_not_ask_for_is_not(doors: TestClient, method: str, path: str) -> None:
    response = doors.request(method, path)
    assert (response.status_code, response.headers["content-type"]) == (404, PROBLEM)


def test_texts_are_let_through_unchanged(doors: TestClient) -> None:
    body = '{"data": ["a question", null],  "fn_index": 0}'
    assert doors.post("/gradio_api/queue/join", content=body).text == body


@pytest.mark.parametrize(
    "body",
    [
        '{"data": [{"path": "http://example.invalid/", "meta": {"_type": "gradio.FileData"}}]}',
        '{"data": [["x"]]}',
        '{"data": {"a": 1}}',
        "[]",
        "{",
        "[" * 60_000,
        '{"data": ["\\ud800"]}',
        "\udc80".encode(errors="surrogateescape"),
    ],
)
def test_nothing_but_texts_is(doors: TestClient, body: str | bytes) -> None:
    response = doors.post("/gradio_api/run/predict", content=body)
    assert (response.status_code, response.headers["content-type"]) == (400, PROBLEM)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("queue/join", {"fn_index": 1, "data": ["a", None]}, 200),
        ("queue/join", {"fn_index": 1, "data": ["a"]}, 400),
        ("run/predict", {"fn_index": 1}, 400),
        ("run/predict", {"fn_index": 0}, 200),
        ("queue/join", {"fn_index": 2, "data": []}, 400),
        ("run/predict", {"fn_index": -1, "data": []}, 400),
        ("run/predict", {"fn_index": "1", "data": []}, 400),
        ("run/predict", {"fn_index": [1], "data": []}, 400),
        ("queue/join", {"data": []}, 400),
        ("reset", {"event_id": "x"}, 200),
        ("cancel", {"fn_index": 1, "event_id": "x"}, 200),
        ("cancel", {"fn_index": 2, "event_id": "x"}, 400),
    ],
)
def test_only_what_listens_is_asked(path: str, body: object, status: int) -> None:
    async def page(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    app = Starlette()
    app.add_route("/{path:path}", page, methods=["POST"])
    app.add_middleware(only_listeners, functions={0: 0, 1: 2})
    outer = Starlette()
    outer.mount("/", only_the_page(app))
    assert TestClient(outer).post(f"/gradio_api/{path}", json=body).status_code == status
