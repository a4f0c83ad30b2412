"""What the page asks of the corpus: in worker threads only, and never for all titles."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from corpus_support import HashEncoder
from memory_corpus import MemoryCorpus
from page_support import FakeAnswerer, app_of, article, serving
from test_page_events import OTHER, PROXY, QUESTION, Tab, cited

from index.text.sentences import split_sentences
from index.types import Counts, Document, Sentence, Title
from ui.page.start import TITLES


class Noting(MemoryCorpus):
    """Notes what it is asked for, in worker threads and on an event loop."""

    in_threads: set[str]
    on_loop: set[str]

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in ("in_threads", "on_loop"):
            noted = Noting.in_threads if asyncio._get_running_loop() is None else Noting.on_loop
            noted.add(name)
        return super().__getattribute__(name)


@pytest.fixture
def noting() -> type[Noting]:
    Noting.in_threads, Noting.on_loop = set(), set()
    return Noting


@pytest.mark.parametrize("user", ["", "ada"])
def test_the_event_loop_never_waits_for_the_corpus(tmp_path: Path, noting: type[Noting], user: str) -> None:
    hidden = replace(article(), groups=("board",))
    others = [Document.of(f"This is note {n}.", title=f"Note {n}") for n in range(3)]
    fake = FakeAnswerer(OTHER, hidden if user else article(), *others)
    fake.corpus = noting(fake._documents, HashEncoder())
    settings = {"data": tmp_path, "journal": True, **(PROXY if user else {})}
    with serving(app_of(fake, **settings)) as url:
        tab = Tab(url, "one", user, "board")
        Noting.in_threads, Noting.on_loop = set(), set()
        assert user == "" or "Dogs bark" in tab.send(None, "load")
        first = tab.ask(QUESTION)
        assert "You asked" in tab.ask("And Russia’s?")
        assert "Searched for in" in tab.ask("And its largest economic partner?")
        tab.send("log", "judge", detail={"turn": cited(first)["turn"], "verdict": "up"})
        assert "mark" in tab.send("log", "cite", detail=cited(first))
        tab.send("sheet", "more", detail={"way": "later"})
        assert "Note 2" in tab.send("finder", "find", detail={"words": "note"})
        assert "This is note 2" in tab.open(others[2].id)
        tab.send("masthead", "fresh")
        citation = tab.http.post("/api/v1/ask", json={"question": QUESTION}).json()["citations"][0]
        verdicts = tab.http.post("/api/v1/verify", json={"receipts": [citation["receipt"]]}).json()["verdicts"]
        assert [verdict["status"] for verdict in verdicts] == ["valid"]
        for path in ("documents", "status", f"documents/{OTHER.id}"):
            assert tab.http.get(f"/api/v1/{path}").status_code == 200
    assert {"seen_by", "titles", "document", "sentences", "counts"} <= Noting.in_threads
    assert Noting.on_loop == set()


class Huge(MemoryCorpus):
    """A corpus of 100,000 documents, each of which is made when it is asked for."""

    counts = Counts(100_000, 100_000)

    def __init__(self) -> None:
        super().__init__((), HashEncoder())
        self.listed: list[int] = []
        self.read: list[str] = []

    def document(self, id: str) -> Document:
        self.read.append(id)
        return replace(Document.of(f"This is text {id}.", title=f"Document {id}"), id=id)

    def sentences(self, id: str) -> Sequence[Sentence]:
        return split_sentences(self.document(id).text)

    def titles(self, words: str = "", after: str = "", limit: int = 100) -> Sequence[Title]:
        titles = []
        for n in range(int(after) + 1 if after else 0, self.counts.documents):
            if len(titles) == limit:
                break
            if all(word in f"document {n}" for word in words.casefold().split()):
                titles.append(Title(str(n), f"Document {n}"))
        self.listed.append(len(titles))
        return titles


def test_a_hundred_thousand_documents_make_a_light_page_and_each_is_found_by_typing() -> None:
    fake = FakeAnswerer(article())
    fake.corpus = corpus = Huge()
    with serving(app_of(fake)) as url:
        tab = Tab(url, "one")
        assert "This is text 0." in tab.page
        assert len(tab.page) < 200_000
        assert len(tab.http.get("/").content) < 200_000
        first = tab.send("finder", "find", detail={"words": ""})
        assert listed(first) == [f"Document {n}" for n in range(TITLES)]
        after = tab.send("titles", "find", detail={"words": "", "after": str(TITLES - 1)})
        assert listed(after) == [f"Document {n}" for n in range(TITLES, 2 * TITLES)]
        assert listed(tab.send("finder", "find", detail={"words": "DOCUMENT 99999"})) == ["Document 99999"]
        assert "This is text 99999." in tab.open("99999")

        assert max(corpus.listed) == TITLES + 1
        corpus.listed.clear()
        corpus.read.clear()
        drawn = tab.ask(QUESTION)
        assert "mark" in tab.send("log", "cite", detail=cited(drawn))
        assert corpus.listed == []
        assert len(corpus.read) < 10
        tab.send("masthead", "fresh")
        assert corpus.listed == []


def listed(drawn: str) -> list[str]:
    """The titles in what the page was sent."""
    return re.findall(r"<bdi>(.*?)</bdi>", json.loads(drawn)["data"][0])
