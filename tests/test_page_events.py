"""What the page's events do at the server, without a browser: what is audited, how many are asked at once, and that
nothing a browser might send is an error of ours."""

import json
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from page_support import FakeAnswerer, app_of, article, serving

from index.errors import EditionDamaged
from index.types import Document
from rag.types import Answer, Turn
from ui.app import READS
from ui.journal.audit import FILE as AUDIT
from ui.service import FAULT

HOST = "ask.example"
PROXY: dict[str, Any] = {"access": "proxy", "proxies": ("127.0.0.1",), "hosts": (HOST,)}
QUESTION = "Who is North Korea’s largest economic partner?"
OTHER = Document.of("Cats sleep all day. Dogs bark at night.", title="Animals")


class Tab:
    """What a tab of a browser sends and is sent."""

    def __init__(self, url: str, name: str, user: str = "", groups: str = "") -> None:
        named = {"Host": HOST, "X-Forwarded-User": user, "X-Forwarded-Groups": groups} if user else {}
        self.http = httpx.Client(base_url=url, headers=named, timeout=30)
        self.name = name
        self.page = self.http.get("/").text
        found = re.search(r"window\.gradio_config = (\{.*?\});</script>", self.page, re.DOTALL)
        assert found is not None
        config = json.loads(found[1])
        names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
        self.events = {
            (names.get(source), event): (one["id"], len(one["inputs"]))
            for one in config["dependencies"]
            for source, event in one["targets"]
            if one["backend_fn"]
        }

    def body(self, part: str | None, event: str, sent: Sequence[Any], detail: Any) -> dict[str, Any]:
        number, inputs = self.events[part, event]
        data = [*sent, *[None] * (inputs - len(sent))]
        return {"fn_index": number, "data": data, "event_data": detail, "session_hash": self.name}

    def send(self, part: str | None, event: str, *sent: Any, detail: Any = None) -> str:
        """What the page is sent for an event that does not wait."""
        response = self.http.post("/gradio_api/run/predict", json=self.body(part, event, sent, detail))
        assert response.status_code == 200, response.text
        return response.text

    def join(self, part: str | None, event: str, *sent: Any, detail: Any = None) -> httpx.Response:
        return self.http.post("/gradio_api/queue/join", json=self.body(part, event, sent, detail))

    def open(self, id: Any) -> str:
        """What the page is sent for a title that is chosen."""
        return self.send("titles", "open", detail={"document": id})

    def ask(self, question: Any, part: str = "question", event: str = "submit", *, detail: Any = None) -> str:
        """What the page is sent until the question has been answered."""
        assert self.join(part, event, question, detail=detail).status_code == 200
        return self.http.get("/gradio_api/queue/data", params={"session_hash": self.name}).text


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(app_of(FakeAnswerer(article(), OTHER))) as url:
        yield url


def audited(folder: Path) -> list[tuple[str, str, str]]:
    lines = [json.loads(line) for line in (folder / AUDIT).read_text().splitlines()]
    return [(line["event"], line["user"], line.get("what", "")) for line in lines]


def cited(drawn: str) -> dict[str, str]:
    turn, number = re.findall(r'data-turn=\\"(\w+)\\" data-number=\\"(\d+)\\"', drawn)[-1]
    return {"turn": turn, "number": number}


def test_what_the_page_opens_is_audited(tmp_path: Path) -> None:
    shown, hidden = OTHER, replace(article(), groups=("board",))
    with serving(app_of(FakeAnswerer(shown, hidden), data=tmp_path, **PROXY)) as url:
        tab = Tab(url, "one", "ada", "board")
        # not in the page itself, which is given out before anything is written down
        assert "Dogs bark" not in tab.page
        assert "Dogs bark" in tab.send(None, "load")
        assert hidden.title in tab.open(hidden.id)
        assert "Dogs bark" in tab.open(shown.id)
        detail = cited(tab.ask(QUESTION))
        assert "mark" in tab.send("log", "cite", detail=detail)
        for way in ("earlier", "later", "later"):
            assert hidden.title in tab.send("sheet", "more", detail={"way": way})
        assert hidden.title in tab.send("masthead", "fresh")
        again = cited(tab.ask(QUESTION))
        tab.http.headers["X-Forwarded-Groups"] = "staff"
        assert hidden.title not in tab.send("log", "cite", detail=again)
    read = [("read", "ada", id) for id in (shown.id, hidden.id, shown.id)]
    opened = [("ask", "ada", ""), ("read", "ada", hidden.id), ("read", "ada", hidden.id), ("ask", "ada", "")]
    assert audited(tmp_path) == [*read, *opened, ("refused", "ada", hidden.id)]


def test_what_may_no_longer_be_read_is_not_drawn_again_nor_carried_over(tmp_path: Path) -> None:
    fake = FakeAnswerer(OTHER, replace(article(), groups=("board",)))
    with serving(app_of(fake, data=tmp_path, journal=True, **PROXY)) as url:
        tab = Tab(url, "one", "ada", "board")
        assert "largest economic partner" in tab.ask("Who bites?") + tab.ask(QUESTION)
        tab.http.headers["X-Forwarded-Groups"] = "staff"
        drawn = tab.ask("Do dogs bark at night?")
        assert OTHER.title in drawn
        assert "largest economic partner" not in drawn
        assert article().title not in drawn
    # Nor does the next question refer to it.
    assert {place.document_id for turn in fake.asked[-1][1] for place in turn.shown} <= {OTHER.id}


def test_who_opens_too_much_is_told_when_to_go_on(tmp_path: Path) -> None:
    with serving(app_of(FakeAnswerer(OTHER), data=tmp_path, per_minute=1, **PROXY)) as url:
        tab = Tab(url, "one", "ada")
        drawn = [tab.open(OTHER.id) for _ in range(READS + 3)]
        assert ["Dogs bark" in one for one in drawn] == [True] * READS + [False] * 3
        assert "Ask again in" in drawn[-1]
    assert len(audited(tmp_path)) == READS


def test_whoever_comes_is_written_down_with_what_the_page_opens_with(tmp_path: Path) -> None:
    with serving(app_of(FakeAnswerer(OTHER), data=tmp_path, **PROXY)) as url:
        tab = Tab(url, "one", "eve")
        assert "Dogs bark" in tab.send(None, "load")
        # a tab that the server has forgotten opens it anew
        assert "Dogs bark" in Tab(url, "two", "eve").send("sheet", "more", detail={"way": "later"})
    assert audited(tmp_path) == [("read", "eve", OTHER.id)] * 2


def test_what_cannot_be_audited_is_not_opened(tmp_path: Path) -> None:
    with serving(app_of(FakeAnswerer(OTHER), data=tmp_path, **PROXY)) as url:
        (tmp_path / AUDIT).unlink()
        (tmp_path / AUDIT).mkdir()
        tab = Tab(url, "one", "ada")
        for sent in (tab.send(None, "load"), tab.open(OTHER.id), tab.send("masthead", "fresh")):
            assert "log says what" in sent
            assert "Dogs bark" not in sent
            assert AUDIT not in sent


def test_what_is_wrong_here_is_not_told_by_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Answer:
        raise EditionDamaged("/srv/corpus/corpus.sqlite is damaged", "Index the documents again")

    fake = FakeAnswerer(OTHER)
    monkeypatch.setattr(fake, "ask", fail)
    with serving(app_of(fake)) as url:
        drawn = Tab(url, "one").ask("Who came?")
    assert FAULT.split("'")[0] in drawn
    assert "/srv" not in drawn


class Slow(FakeAnswerer):
    """Answers what is slow when it is let."""

    def __init__(self, *documents: Document) -> None:
        super().__init__(*documents)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def ask(self, question: str, history: Sequence[Turn] = (), *, risk: float | None = None) -> Answer:
        if question == "slow":
            self.begun.set()
            assert self.go_on.wait(60)
        return super().ask(question, history, risk=risk)


def test_two_are_answered_at_once() -> None:
    slow = Slow(article())
    drawn: list[str] = []
    with serving(app_of(slow)) as url:
        first, second = Tab(url, "one"), Tab(url, "two")
        asking = threading.Thread(target=lambda: drawn.append(first.ask("slow")))
        asking.start()
        assert slow.begun.wait(30)
        assert "largest economic partner" in second.ask(QUESTION)
        assert drawn == []
        slow.go_on.set()
        asking.join(30)
    assert "slow" in drawn[0]


def test_the_page_holds_only_so_many_questions() -> None:
    slow = Slow(article())
    with serving(app_of(slow, workers=1, waiting=40)) as url:
        tab = Tab(url, "one")
        statuses: list[int] = []
        for number in range(90):
            tab.name = f"tab{number}"
            statuses.append(tab.join("question", "submit", "slow").status_code)
        # gradio hands on 40, and so many more as the service would have wait or answer wait there
        assert sorted(set(statuses)) == [200, 503]
        assert 41 <= statuses.count(200) <= 81
        slow.go_on.set()


@pytest.mark.parametrize(
    "detail", [None, {}, [], "x", 7, {"turn": 7, "number": [1], "question": {"a": 1}}, {"x": None}]
)
def test_nothing_that_an_event_may_hold_is_an_error(url: str, capfd: pytest.CaptureFixture[str], detail: Any) -> None:
    tab = Tab(url, f"tab {detail}")
    assert "no longer holds" in tab.send("log", "cite", detail=detail)
    for event in ("example", "again"):
        drawn = tab.ask(None, "log", event, detail=detail)
        assert '"success":true' in drawn
        assert "You asked" not in drawn
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("sent", ["x", "", "²", "1" * 5000, None, 7, ["x"]])
def test_nothing_that_may_be_chosen_or_typed_is_an_error(
    url: str, capfd: pytest.CaptureFixture[str], sent: Any
) -> None:
    tab = Tab(url, "choosing")
    assert "no such document" in tab.open(sent)
    assert "listbox" in tab.send("finder", "find", detail={"words": sent})
    assert "listbox" in tab.send("titles", "find", detail={"words": "", "after": sent})
    assert "Traceback" not in capfd.readouterr().err


def test_nothing_that_may_be_missing_is_an_error(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    tab = Tab(url, "missing")
    assert '"success":true' in tab.ask(None)
    for part, event in tab.events:
        if part is not None:
            number, inputs = tab.events[part, event]
            for name in ("missing", None):
                body = {"fn_index": number, "data": [None] * inputs, "session_hash": name}
                assert tab.http.post("/gradio_api/run/predict", json=body).status_code == 200
    assert "Traceback" not in capfd.readouterr().err
