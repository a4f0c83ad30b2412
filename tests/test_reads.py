"""Documents that are read, as often as one person may, while others ask."""

import asyncio
import threading
from collections.abc import Sequence

import httpx
import pytest
from anyio import to_thread
from corpus_support import HashEncoder
from memory_corpus import MemoryCorpus
from page_support import FakeAnswerer, app_of, article
from starlette.testclient import TestClient

from index.types import Document, Title
from ui.app import READS

QUESTION = {"question": "Who is North Korea’s largest economic partner?"}
URL = "http://127.0.0.1"


class Blocked(MemoryCorpus):
    """A corpus that lists titles only when it is let."""

    def __init__(self, *documents: Document) -> None:
        super().__init__(documents, HashEncoder())
        self.go, self.reading = threading.Event(), threading.Semaphore(0)

    def titles(self, words: str = "", after: str = "", limit: int = 100) -> Sequence[Title]:
        self.reading.release()
        assert self.go.wait(60)
        return super().titles(words, after, limit)


def test_reads_that_take_all_threads_keep_nobody_from_an_answer() -> None:
    fake = FakeAnswerer(article())
    fake.corpus = corpus = Blocked(article())
    app = app_of(fake)

    async def scene() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client:
            threads = int(to_thread.current_default_thread_limiter().total_tokens)
            reads = [asyncio.create_task(client.get("/api/v1/documents")) for _ in range(threads + 10)]
            try:
                for _ in range(threads):
                    assert await asyncio.to_thread(corpus.reading.acquire, timeout=60)
                # nobody waits that long: without threads of its own it would not be answered at all
                async with asyncio.timeout(30):
                    answer = await client.post("/api/v1/ask", json=QUESTION)
                assert answer.json()["status"] == "answered"
                assert not any(read.done() for read in reads)
            finally:
                corpus.go.set()
                read = await asyncio.gather(*reads)
        assert {one.status_code for one in read} == {200}

    asyncio.run(scene())


@pytest.mark.parametrize("path", ["documents", f"documents/{article().id}", "documents/unknown", "status"])
def test_one_person_may_read_ten_times_as_often_as_ask(path: str) -> None:
    app = app_of(FakeAnswerer(article()), per_minute=2)
    reader, other = (TestClient(app, base_url=URL, client=(address, 1)) for address in ("127.0.0.1", "127.0.0.2"))
    allowed = [reader.get(f"/api/v1/{path}").status_code for _ in range(2 * READS)]
    assert set(allowed) == {404 if "unknown" in path else 200}
    refused = reader.get(f"/api/v1/{path}")
    assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
    assert int(refused.headers["retry-after"]) > 0
    # what is read and what is asked are counted apart
    assert reader.post("/api/v1/ask", json=QUESTION).status_code == 200
    assert other.get(f"/api/v1/{path}").status_code == allowed[0]


def test_who_asks_too_often_may_read_still() -> None:
    client = TestClient(app_of(FakeAnswerer(article()), per_minute=1), base_url=URL)
    assert [client.post("/api/v1/ask", json=QUESTION).status_code for _ in range(2)] == [200, 429]
    assert client.get("/api/v1/status").status_code == 200
