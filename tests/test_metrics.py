"""What a monitor is shown."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import APIRouter, FastAPI
from page_support import FakeAnswerer, article
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from ui.http.metrics import Metrics
from ui.http.rate_limit import Admission
from ui.http.request_log import request_log


def shown(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """(name, the values of its labels) and the number of every sample."""
    body, kind = metrics.exposition()
    assert kind.startswith("text/plain; version=")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def metrics(admission: Admission | None = None, *, age: timedelta = timedelta(0)) -> Metrics:
    made = datetime.now(UTC) - age
    return Metrics(admission or Admission(1, 5), made.isoformat(timespec="seconds"))


def test_questions_are_counted_by_outcome_and_timed_by_stage() -> None:
    kept = metrics()
    before = shown(kept)
    outcomes = ("answered", "unanswered", "refused", "failed")
    assert [before["quoth_questions_total", outcome] for outcome in outcomes] == [0, 0, 0, 0]
    fake = FakeAnswerer(article())
    kept.answered(fake.ask("Who is North Korea’s largest economic partner?"))
    kept.answered(fake.ask("Who won?"))
    kept.answered(fake.ask("Who won?"))
    kept.question("refused")
    kept.question("failed")
    after = shown(kept)
    assert [after["quoth_questions_total", outcome] for outcome in outcomes] == [1, 2, 1, 1]
    for stage, ms in fake.ask("Who won?").ms.items():
        assert after["quoth_question_seconds_count", stage] == 3
        assert after["quoth_question_seconds_sum", stage] == pytest.approx(3 * ms / 1000)


def test_the_queue_is_shown_as_it_is_when_looked_at() -> None:
    async def look() -> tuple[float, float]:
        admission = Admission(1, 5)
        kept = metrics(admission)

        async def visit() -> None:
            async with admission.turn():
                await asyncio.Event().wait()

        tasks = [asyncio.create_task(visit()) for _ in range(3)]
        await asyncio.sleep(0)
        found = shown(kept)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert shown(kept)["quoth_queue_depth",] == 0
        return found["quoth_queue_depth",], found["quoth_queue_limit",]

    assert asyncio.run(look()) == (2, 5)


def test_the_age_of_the_edition_is_shown() -> None:
    kept = metrics(age=timedelta(days=2))
    assert 2 * 86_400 <= shown(kept)["quoth_edition_age_seconds",] < 3 * 86_400


def requests(kept: Metrics) -> dict[tuple[str, ...], float]:
    return {labels[1:]: n for labels, n in shown(kept).items() if labels[0] == "quoth_requests_total"}


def test_requests_are_counted_by_template_never_by_path() -> None:
    app = FastAPI()
    router = APIRouter(prefix="/api")

    @router.get("/documents/{id}")
    def document(id: str) -> str:
        return id

    @router.get("/fails")
    def fails() -> str:
        raise RuntimeError

    def page(request: object) -> PlainTextResponse:
        return PlainTextResponse("page", 418)

    app.include_router(router, prefix="/base")
    app.mount("/", Starlette(routes=[Route("/page/{name}", page)]))
    kept = metrics()
    client = TestClient(request_log(app, kept), raise_server_exceptions=False)
    for path in ("/base/api/documents/secret", "/base/api/documents/other", "/base/api/fails"):
        client.get(path)
    client.post("/base/api/documents/secret")
    for path in ("/page/secret", "/nowhere/secret", "/nowhere/other"):
        client.get(path)
    counts = requests(kept)
    assert "secret" not in kept.exposition()[0].decode()
    assert sum(counts.values()) == 7
    # FastAPI's template may leave out the prefix under which a router is included
    named = {(route.removeprefix("/base"), status): n for (route, status), n in counts.items()}
    assert named["/api/documents/{id}", "2xx"] == 2
    assert named["/api/fails", "5xx"] == 1
    assert named["/page/{name}", "4xx"] == 1
    assert sum(n for (_, status), n in counts.items() if status == "4xx") == 4


def test_what_never_came_to_a_route_is_counted_as_none() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("no", 401)(scope, receive, send)

    kept = metrics()
    TestClient(request_log(refuse, kept)).get("/any/secret")
    assert requests(kept) == {("none", "4xx"): 1}


def test_two_hold_numbers_of_their_own_and_nothing_is_global() -> None:
    before = {family.name for family in REGISTRY.collect()}
    one, two = metrics(), metrics()
    one.question("failed")
    assert shown(two)["quoth_questions_total", "failed"] == 0
    assert {family.name for family in REGISTRY.collect()} == before
