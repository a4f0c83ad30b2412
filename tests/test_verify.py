"""Receipts over HTTP: what they are told, that verifying takes a turn, and how much of it there may be at once."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from page_support import app_of, article, serving, small_answerer
from starlette.testclient import TestClient
from test_tools import asked

from rag.answer import Answerer
from rag.receipt import LONGEST_SOUGHT, Receipt
from ui import service
from ui.api.schema import MOST_RECEIPTS
from ui.http.body_limit import LARGEST
from ui.service import MOST_QUOTED

QUESTION = {"question": "Who is North Korea’s largest economic partner?"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Answerer:
    return small_answerer(tmp_path_factory.mktemp("corpus"), article())


@pytest.fixture
def client_of(small: Answerer) -> Callable[..., TestClient]:
    return lambda **settings: TestClient(app_of(small, **settings), base_url="http://127.0.0.1")


def receipt(quote: str) -> dict[str, Any]:
    return Receipt("0" * 64, 0, len(quote), quote, "", "", "edition").to_json()


def verify(client: TestClient, *receipts: Any) -> Any:
    return client.post("/api/v1/verify", json={"receipts": receipts})


def test_what_was_cited_stands_there_and_what_was_not_does_not(client_of: Callable[..., TestClient]) -> None:
    client = client_of()
    cited = client.post("/api/v1/ask", json=QUESTION).json()["citations"][0]
    forged = {**cited["receipt"], "quote": cited["text"].replace("China", "Chile")}
    response = verify(client, cited["receipt"], forged, receipt("Never said."))
    assert [one["status"] for one in response.json()["verdicts"]] == ["valid", "changed", "gone"]


def test_verifying_counts_as_asking_does(client_of: Callable[..., TestClient]) -> None:
    client = client_of(per_minute=2)
    assert [verify(client, receipt("x")).status_code for _ in range(3)] == [200, 200, 429]
    refused = client.post("/api/v1/ask", json=QUESTION)
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
    # what is read is not counted
    assert client.get("/api/v1/documents").status_code == 200


def test_verifying_waits_for_its_turn(client_of: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly(receipts: Any, corpus: Any) -> list[Any]:
        begun.set()
        assert go_on.wait(30)
        return []

    monkeypatch.setattr(service, "check_all", slowly)
    answers: list[int] = []
    with client_of(workers=1, waiting=0) as client:
        first = threading.Thread(target=lambda: answers.append(verify(client, receipt("x")).status_code))
        first.start()
        assert begun.wait(30)
        assert verify(client, receipt("x")).status_code == 503
        assert client.post("/api/v1/ask", json=QUESTION).status_code == 503
        assert client.get("/api/v1/documents").status_code == 200
        go_on.set()
        first.join(30)
    assert answers == [200]


def test_only_so_much_is_verified_at_once(client_of: Callable[..., TestClient]) -> None:
    client = client_of()
    quotes = ["x" * LONGEST_SOUGHT] * (MOST_QUOTED // LONGEST_SOUGHT)
    assert verify(client, *map(receipt, quotes)).status_code == 200
    response = verify(client, *map(receipt, [*quotes, "y"]))
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert "40,001 characters in all, expected at most 40,000" in response.json()["detail"]
    # a list as long as may be, of quotes as long as they are
    ordinary = [receipt("One, two; three: " * 15)] * MOST_RECEIPTS
    assert len(json.dumps({"receipts": ordinary})) < LARGEST
    assert verify(client, *ordinary).status_code == 200


def test_over_mcp_verifying_is_bounded_alike(small: Answerer) -> None:
    async def work(session: Any) -> Any:
        many = await session.call_tool("verify", {"receipts": [receipt("x" * MOST_QUOTED), receipt("y")]})
        gone = await session.call_tool("verify", {"receipts": [receipt("Never said.")]})
        late = await session.call_tool("ask", QUESTION)
        return many, gone, late

    with serving(app_of(small, per_minute=1)) as url:
        many, gone, late = asked(url, work)
    assert many.is_error
    assert "expected at most 40,000" in many.content[0].text
    assert gone.structured_content == {"verdicts": [{"status": "gone"}]}
    assert late.is_error
