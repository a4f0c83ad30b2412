"""What a person may not read, over HTTP: each answer is that of a server that holds only what they may read."""

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
from test_corpus_contract import GROUPS, document_lists, embedded, may_read, readers

from index.corpus import Corpus
from index.types import Document
from rag.answer import build_answerer
from ui.app import create_app
from ui.settings import ServerSettings as Settings

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
    said = [{"question": question, "answer": question, "documents": [document.id for document in documents][:20]}]
    answers = [
        client.post("/api/v1/ask", json={"question": question, "why": True, "history": [{"question": question}]}),
        # nothing is answered at this risk: what is closest is shown
        client.post("/api/v1/ask", json={"question": question, "risk": 0, "why": True, "history": said}),
        tool(client, "ask", question=question, risk=0),
        tool(client, "search", query=question, k=5),
        *(tool(client, "document", id=document.id) for document in documents),
        *(tool(client, "verify", receipts=[receipt]) for receipt in receipts),
        client.get("/api/v1/documents"),
        client.get("/api/v1/documents", params={"q": "e", "limit": 2}),
        client.get("/api/v1/status"),
        *(client.get(f"/api/v1/documents/{document.id}") for document in documents),
        *(client.get("/api/v1/documents", params={"after": document.id}) for document in documents),
        *(client.post("/api/v1/verify", json={"receipts": [receipt]}) for receipt in receipts),
    ]
    return [(answer.status_code, _lasting(_structured(answer.json()))) for answer in answers]


def _structured(body: Any) -> Any:
    """A tool's result without the text that says the same once more, ids and times included; of an error the text."""
    if not isinstance(body, dict) or "result" not in body:
        return body
    result = body["result"]
    return result["content"] if result.get("isError") else result["structuredContent"]


def tool(client: TestClient, name: str, **arguments: Any) -> Any:
    """What a tool answers over MCP."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    return client.post("/mcp", json=call, headers={"Accept": "application/json, text/event-stream"})


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
        with closing(embedded(Path(one), documents)) as whole:
            everything = asking(whole, frozenset(GROUPS))
            row = everything.post("/api/v1/ask", json={"question": question}).json()
            assert everything.get("/api/v1/status").json()["documents"] == len(documents)
            receipts = [cited["receipt"] for cited in row["citations"] + row["closest"]]
            # entered: the tools are built only where the server runs
            with asking(whole, groups) as client:
                found = told(client, documents, question, receipts)
        if not readable:
            assert not any(document.title in json.dumps(found) for document in documents if document.title)
            return
        with closing(embedded(Path(other), readable)) as theirs, asking(theirs, groups) as client:
            assert found == told(client, documents, question, receipts)
