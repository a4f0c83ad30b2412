"""The MCP endpoint, asked by the SDK's own client over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx2 import AsyncClient
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from page_support import FakeAnswerer, app_of, article, serving

from index.errors import EditionDamaged
from index.types import Document
from rag.answer import LONGEST_QUESTION
from ui.access.keyring import Keyring
from ui.service import FAULT

QUESTION = "Who is North Korea’s largest economic partner?"


def asked(url: str, work: Callable[[Any], Awaitable[Any]], key: str | None = None) -> Any:
    """What `work` makes of a session of the SDK's client."""

    async def run() -> Any:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with (
            AsyncClient(headers=headers, timeout=120) as http,
            streamable_http_client(f"{url}/mcp", http_client=http) as streams,
            ClientSession(*streams[:2]) as session,
        ):
            await session.initialize()
            return await work(session)

    return asyncio.run(run())


def test_a_program_asks_searches_reads_and_verifies() -> None:
    document = article()

    async def work(session: Any) -> Any:
        names = {tool.name for tool in (await session.list_tools()).tools}
        row = (await session.call_tool("ask", {"question": QUESTION})).structured_content
        receipts = [row["citations"][0]["receipt"]]
        found = (await session.call_tool("search", {"query": QUESTION, "k": 2})).structured_content
        text = (await session.call_tool("document", {"id": document.id})).structured_content
        wrong = await session.call_tool("verify", {"receipts": [{"quote": "x"}]})
        gone = await session.call_tool("document", {"id": "0" * 64})
        return names, row, receipts, found, text, wrong, gone

    with serving(app_of(FakeAnswerer(document))) as url:
        names, row, receipts, found, text, wrong, gone = asked(url, work)
    assert names == {"ask", "search", "document", "verify"}
    best = row["citations"][0]
    assert document.text[best["start"] : best["end"]] == best["text"]
    assert receipts[0]["quote"] == best["text"]
    assert len(found["passages"]) == 2
    assert text["text"] == document.text
    assert wrong.is_error
    assert "document_sha256" in wrong.content[0].text
    assert gone.is_error


def test_the_same_people_see_the_same_documents(tmp_path: Path) -> None:
    hidden, shown = replace(article(), groups=("board",)), Document.of("Cats sleep all day.", title="Animals")
    keyring = Keyring.open(tmp_path)
    keys = {
        name: keyring.make(name, groups, ["ask", "read"], 1)[1] for name, groups in (("ada", ["board"]), ("eve", []))
    }
    _, blind = keyring.make("bob", [], ["ask"], 1)

    async def work(session: Any) -> Any:
        return await session.call_tool("document", {"id": hidden.id})

    with serving(app_of(FakeAnswerer(hidden, shown), access="token", data=tmp_path)) as url:
        assert httpx.post(f"{url}/mcp", json={}).status_code == 401
        assert asked(url, work, keys["ada"]).structured_content["text"] == hidden.text
        assert asked(url, work, keys["eve"]).is_error
        refused = asked(url, work, blind)
    keyring.close()
    assert refused.is_error
    assert "read" in refused.content[0].text


def test_a_fault_of_the_server_is_not_described_to_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise EditionDamaged("/srv/corpus/corpus.sqlite is damaged", "Index the documents again")

    fake = FakeAnswerer(article())
    for part in ("ask", "search"):
        monkeypatch.setattr(fake, part, fail)
    monkeypatch.setattr(fake.corpus, "document", fail)

    async def work(session: Any) -> Any:
        calls = {"ask": {"question": QUESTION}, "search": {"query": QUESTION}, "document": {"id": article().id}}
        return [await session.call_tool(name, given) for name, given in calls.items()]

    with serving(app_of(fake)) as url:
        answers = asked(url, work)
    for answer in answers:
        assert answer.is_error
        assert FAULT in answer.content[0].text
        assert "/srv" not in answer.content[0].text


def test_a_program_that_asks_too_much_is_told_when_to_ask_again() -> None:
    async def work(session: Any) -> Any:
        return [await session.call_tool("ask", {"question": QUESTION}) for _ in range(2)]

    with serving(app_of(FakeAnswerer(article()), per_minute=1)) as url:
        first, second = asked(url, work)
    assert not first.is_error
    assert second.is_error
    assert "Ask again in" in second.content[0].text


def test_the_longest_question_is_as_long_as_in_the_api() -> None:
    longest = QUESTION.ljust(LONGEST_QUESTION, "?")

    async def work(session: Any) -> Any:
        calls = [("ask", "question"), ("search", "query")]
        return [
            await session.call_tool(name, {given: text}) for name, given in calls for text in (longest, f"{longest}?")
        ]

    with serving(app_of(FakeAnswerer(article()))) as url:
        answers = asked(url, work)
    assert [answer.is_error for answer in answers] == [False, True, False, True]


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_of_another_site_may_not_use_it(origin: str) -> None:
    with serving(app_of(FakeAnswerer(article()))) as url:
        assert httpx.post(f"{url}/mcp", json={}, headers={"Origin": origin}).status_code == 403
