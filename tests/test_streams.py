"""Streams that stay open: so many of one person and no more, however they end, and none where none is needed."""

import asyncio
import json
import time
from collections import Counter
from contextlib import ExitStack, suppress
from itertools import count

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_support import FakeAnswerer, app_of, article, serving
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from ui.access.person import Person
from ui.page.gradio_guard import MOST_STREAMS, only_the_page

NAMES = count()
PEOPLE = [("ada", "10.0.0.1"), ("bob", "10.0.0.1"), (None, "10.0.0.1"), (None, "10.0.0.2"), (None, None)]


class Page:
    """Holds every stream open until it is told how to end it."""

    def __init__(self) -> None:
        self.endings: dict[str, asyncio.Future[None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ending = self.endings[scope["path"]] = asyncio.get_running_loop().create_future()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await ending
        await send({"type": "http.response.body"})


class Stream:
    """One that somebody asks for."""

    def __init__(self, app: Page, person: int) -> None:
        user, address = PEOPLE[person]
        self._app = app
        # a name of its own, since a conversation is one person's
        self._path = f"/gradio_api/heartbeat/{next(NAMES)}"
        self.key = user or address or ""
        self.messages: list[Message] = []
        self.scope: Scope = {
            "type": "http",
            "method": "GET",
            "path": self._path,
            "query_string": b"",
            "headers": [],
            "client": (address, 1) if address else None,
            "state": {"person": Person(user, frozenset(), frozenset())},
        }

    async def open(self, doors: object) -> int:
        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            self.messages.append(message)

        self.task = asyncio.create_task(doors(self.scope, receive, send))  # type: ignore[operator]
        await settle()
        return int(self.messages[0]["status"])

    async def end(self, how: str) -> None:
        ending = self._app.endings[self._path]
        if how == "cancelled":
            self.task.cancel()
        elif how == "failed":
            ending.set_exception(RuntimeError("a bug"))
        else:
            ending.set_result(None)
        with suppress(asyncio.CancelledError, RuntimeError):
            await self.task


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


steps = st.lists(
    st.tuples(
        st.sampled_from(["open", "open", "ended", "failed", "cancelled"]),
        st.integers(0, len(PEOPLE) - 1),
        st.integers(0, 40),
    ),
    max_size=60,
)


@given(steps)
def test_nobody_holds_more_than_may_and_each_that_ends_makes_room(steps: list[tuple[str, int, int]]) -> None:
    async def play(most: int) -> None:
        page = Page()
        doors = only_the_page(page)
        held: list[Stream] = []
        for action, person, number in steps:
            if action == "open":
                stream = Stream(page, person)
                room = Counter(one.key for one in held)[stream.key] < most
                assert await stream.open(doors) == (200 if room else 429)
                if room:
                    held.append(stream)
            elif held:
                await held.pop(number % len(held)).end(action)
        for stream in held:
            await stream.end("ended")
        # no trace is left of any
        again = [Stream(page, person) for person in range(len(PEOPLE)) for _ in range(most + 1)]
        assert [await stream.open(doors) for stream in again] == ([200] * most + [429]) * len(PEOPLE)
        for stream in again:
            stream.task.cancel()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ui.page.gradio_guard.MOST_STREAMS", 3)
        asyncio.run(play(3))


def test_who_holds_too_many_is_told_so_and_what_does_not_stay_open_is_still_answered() -> None:
    async def play() -> None:
        page = Page()
        doors = only_the_page(page)
        streams = [Stream(page, 0) for _ in range(MOST_STREAMS + 1)]
        statuses = [await stream.open(doors) for stream in streams]
        assert statuses == [200] * MOST_STREAMS + [429]
        start, body = streams[-1].messages
        headers = dict(start["headers"])
        assert headers[b"content-type"] == b"application/problem+json"
        assert int(headers[b"retry-after"]) >= 1
        assert json.loads(body["body"])["status"] == 429
        for stream in streams[:-1]:
            stream.task.cancel()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("asset")(scope, receive, send)

    async def assets() -> None:
        doors = only_the_page(answer)
        for _ in range(MOST_STREAMS + 1):
            stream = Stream(Page(), 0)
            stream.scope["path"] = "/assets/a.js"
            assert await stream.open(doors) == 200

    asyncio.run(play())
    asyncio.run(assets())


def test_over_http_a_browser_that_leaves_makes_room() -> None:
    with serving(app_of(FakeAnswerer(article()))) as url, ExitStack() as held:
        client = held.enter_context(httpx.Client(base_url=url, timeout=60, limits=httpx.Limits()))
        for number in range(MOST_STREAMS):
            stream = held.enter_context(client.stream("GET", f"/gradio_api/heartbeat/{number}"))
            assert stream.status_code == 200
        refused = client.get("/gradio_api/heartbeat/last")
        assert (refused.status_code, refused.json()["status"]) == (429, 429)
        # it may still do all else
        assert client.get("/").status_code == 200
        stream.close()
        opened = False
        while not opened:
            with client.stream("GET", "/gradio_api/heartbeat/new") as again:
                opened = again.status_code == 200
            time.sleep(0.05)


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "PUT", "OPTIONS"])
@pytest.mark.parametrize("base", ["", "/intranet/ask"])
def test_tools_are_asked_by_post_alone(method: str, base: str) -> None:
    with serving(app_of(FakeAnswerer(article()), base=base)) as url:
        headers = {"Accept": "text/event-stream, application/json"}
        with httpx.stream(method, f"{url}{base}/mcp", headers=headers, timeout=60) as refused:
            assert (refused.status_code, refused.headers.get("allow")) == (405, "POST")
            assert refused.headers["content-type"] == "application/problem+json"
