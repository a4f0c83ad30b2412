"""What a person may not read, over HTTP: each answer is that of a server that holds only what they may read."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from corpus_support import HashEncoder
from httpx2 import Headers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from test_groups import GROUPS, document_lists, may_read, publish_and_open, readers

from index.corpus import Corpus
from index.types import Document
from rag.answer import build_answerer
from rag.settings import Settings
from ui.app import create_app

HOST = "ask.example"
_TOLD_ONCE = {"id", "ms", "edition"}
"""What differs between any two answers, or any two corpora."""


def asking(corpus: Corpus, groups: frozenset[str]) -> TestClient:
    options = Settings(
        reader="similarity", risk=1.0, access="proxy", proxies=("10.0.0.7",), hosts=(HOST,), journal=False,
        per_minute=1_000_000, data=Path(tempfile.mkdtemp()),
    )  # fmt: skip
    app = create_app(build_answerer(corpus, HashEncoder(), options), options)
    client = TestClient(app, base_url=f"https://{HOST}", client=("10.0.0.7", 1), headers={"X-Forwarded-User": "ada"})
    client.headers = Headers([*client.headers.raw, (b"X-Forwarded-Groups", ",".join(groups).encode())])
    return client


def told(client: TestClient, documents: Sequence[Document], question: str, receipts: list[Any]) -> list[Any]:
    """All that the API says: statuses and bodies, without what differs between any two answers."""
    answers = [
        client.post("/api/v1/ask", json={"question": question, "why": True, "history": [{"question": question}]}),
        client.get("/api/v1/documents"),
        client.get("/api/v1/documents", params={"q": "e", "limit": 2}),
        client.get("/api/v1/status"),
        *(client.get(f"/api/v1/documents/{document.id}") for document in documents),
        *(client.get("/api/v1/documents", params={"after": document.id}) for document in documents),
        *(client.post("/api/v1/verify", json={"receipts": [receipt]}) for receipt in receipts),
    ]
    return [(answer.status_code, _lasting(answer.json())) for answer in answers]


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(inner) for key, inner in value.items() if key not in _TOLD_ONCE}
    if isinstance(value, list):
        return [_lasting(inner) for inner in value]
    return value


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(document_lists(), readers, st.data())
def test_each_is_told_what_a_server_of_only_theirs_tells(
    documents: list[Document], groups: frozenset[str], data: st.DataObject
) -> None:
    readable = [document for document in documents if may_read(document, groups)]
    words = re.findall(r"\w+", " ".join(document.text for document in documents)) or ["word"]
    question = " ".join(data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=5)))[:200]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        with closing(publish_and_open(Path(one), documents)) as whole:
            everything = asking(whole, frozenset(GROUPS))
            row = everything.post("/api/v1/ask", json={"question": question}).json()
            assert everything.get("/api/v1/status").json()["documents"] == len(documents)
            receipts = [cited["receipt"] for cited in row["citations"] + row["closest"]]
            found = told(asking(whole, groups), documents, question, receipts)
        if not readable:
            assert not any(document.title in json.dumps(found) for document in documents if document.title)
            return
        with closing(publish_and_open(Path(other), readable)) as theirs:
            assert found == told(asking(theirs, groups), documents, question, receipts)
