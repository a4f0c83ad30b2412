"""The API against its OpenAPI document: every response to generated requests is as described."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from page_support import FakeAnswerer, app_of, article, serving, small_answerer
from playwright.sync_api import Browser, expect
from process_support import until_ready
from pydantic import TypeAdapter
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rag.row import DetailedRow

# the real answerer, since no fake gives every key of an answer
FOLDER = tempfile.TemporaryDirectory()
APP = app_of(small_answerer(Path(FOLDER.name), article()), per_minute=1_000_000)
# without the lifespan, since each generated case would start it and build the page
UNSTARTED = Starlette()
UNSTARTED.router.default = APP
schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", UNSTARTED, headers={"Host": "127.0.0.1"})

OPERATIONS = {operation.label: operation for found in schema.get_all_operations() if (operation := found.ok())}


@pytest.fixture(scope="module")
def ready() -> Iterator[None]:
    """While the application runs and says that it is ready: before, some of it answers only that it is not."""
    with TestClient(APP, base_url="http://127.0.0.1") as client:
        until_ready(client)
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_response_is_as_described(label: str) -> None:
    sent = st.one_of(*(OPERATIONS[label].as_strategy(generation_mode=mode) for mode in GenerationMode))

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(sent)
    def send(case: schemathesis.Case) -> None:
        response = case.call(headers={"Host": "127.0.0.1"})
        # too large a body is refused before anything looks at it
        if response.status_code != 413:
            # what no schema says: a question that is blank, a receipt whose quote is not as long as its range
            case.validate_response(response, excluded_checks=[positive_data_acceptance])

    send()


def test_every_field_of_an_answer_is_described() -> None:
    described = TestClient(APP, base_url="http://127.0.0.1").get("/api/v1/openapi.json").json()
    answer = described["components"]["schemas"]["AnswerBody"]
    row = TestClient(APP, base_url="http://127.0.0.1").post("/api/v1/ask", json={"question": "Who came?"}).json()
    assert set(row) <= set(answer["properties"])
    assert "/api/v1/metrics" not in described["paths"]
    assert {path.removeprefix("/api/v1/") for path in described["paths"]} == {
        "ask", "documents", "documents/{id}", "verify", "feedback", "status", "session", "live", "ready",
    }  # fmt: skip


def schemas_in(described: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property and parameter that the description has, wherever, with its place."""
    if isinstance(described, dict):
        if described.get("type") == "object":
            yield from ((f"{where}.{name}", one) for name, one in described.get("properties", {}).items())
        for key, value in described.items():
            yield from schemas_in(value, f"{where}.{key}")
    elif isinstance(described, list):
        for one in described:
            if isinstance(one, dict) and "in" in one:
                yield f"{where}.{one['name']}", one
            yield from schemas_in(one, where)


def test_every_property_and_parameter_is_described() -> None:
    described = TestClient(APP, base_url="http://127.0.0.1").get("/api/v1/openapi.json").json()
    found = dict(schemas_in(described))
    # among others those of the shapes, of the problems, and in queries
    assert {".components.schemas.AnswerBody.status", ".paths./api/v1/documents.get.parameters.limit"} <= set(found)
    assert [place for place, one in found.items() if not one.get("description")] == []


def test_an_answer_is_described_by_the_shape_of_a_row() -> None:
    schemas = TestClient(APP, base_url="http://127.0.0.1").get("/api/v1/openapi.json").json()["components"]["schemas"]
    row = TypeAdapter(DetailedRow).json_schema()
    assert schemas["AnswerBody"]["properties"].keys() == row["properties"].keys() | {"feedback"}
    for name, shape in row["$defs"].items():
        assert schemas[name].items() >= {key: shape[key] for key in ("description", "required")}.items()
        assert schemas[name]["properties"].keys() == shape["properties"].keys()


@pytest.mark.browser
def test_the_documentation_page_shows_every_operation_and_loads_nothing_from_elsewhere(browser: Browser) -> None:
    app, requests, complaints = app_of(FakeAnswerer(article()), base="/ask"), list[str](), list[str]()
    with serving(app) as address, closing(browser.new_context()) as context:
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{address}/ask/api/v1/docs")
        for label in OPERATIONS:
            method, path = label.split()
            shown = page.locator(".opblock-summary", has_text=method).locator(f'[data-path="/ask{path}"]')
            expect(shown).to_be_visible()
    assert all(request.startswith((f"{address}/ask/api/v1/", "data:")) for request in requests)
    assert complaints == []
