"""The API against its own description: whatever is sent, nothing breaks, and nothing is answered out of shape."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from page_support import FakeAnswerer, app_of, article
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

APP = app_of(FakeAnswerer(article()), per_minute=1_000_000)
schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", APP, headers={"Host": "127.0.0.1"})


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_is_answered_as_described(case: schemathesis.Case) -> None:
    # what no schema says: a question that is blank, a receipt whose quote is not as long as its range
    case.call_and_validate(headers={"Host": "127.0.0.1"}, excluded_checks=[positive_data_acceptance])


def test_every_field_of_an_answer_is_described() -> None:
    described = TestClient(APP, base_url="http://127.0.0.1").get("/api/v1/openapi.json").json()
    answer = described["components"]["schemas"]["AnswerBody"]
    row = TestClient(APP, base_url="http://127.0.0.1").post("/api/v1/ask", json={"question": "Who came?"}).json()
    assert set(row) <= set(answer["properties"])
    assert "/api/v1/metrics" not in described["paths"]
    assert {path.removeprefix("/api/v1/") for path in described["paths"]} == {
        "ask", "documents", "documents/{id}", "verify", "feedback", "status", "session", "live", "ready",
    }  # fmt: skip
