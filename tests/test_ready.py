"""`quoth serve`, in a process of its own: it is ready only once the next question loads nothing that others do not."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from page_support import SEEDS
from process_support import running, said, tell, until_ready

from index.encoders.encoder import Encoder
from index.publish import publish
from index.sources.read import read
from ui.access.keyring import Keyring

# The command itself. Its own question before it serves waits for a line of standard input, and at /loaded it tells
# what was imported or opened while the API was asked, in whatever thread that happened, but for what is kept in data.
SERVER = """
import contextvars, json, os, sys
asked = contextvars.ContextVar("asked", default=False)
loaded = []
def note(event, given):
    if event in ("import", "open", "sqlite3.connect") and asked.get() and not str(given[0]).startswith(kept):
        loaded.append(f"{event} {given[0]}")
kept = os.environ["QUOTH_DATA"]
sys.addaudithook(note)

import rag.answer, ui.app
from starlette.responses import JSONResponse
from ui.command.cli import main

class Patient(rag.answer.Answerer):
    def ask(self, *args, **kwargs):
        if not Patient.warm:
            print(json.dumps({"loaded": sorted(sys.modules)}), flush=True)
            sys.stdin.readline()
            Patient.warm = True
        return super().ask(*args, **kwargs)
    warm = False
rag.answer.Answerer = Patient

create_app = ui.app.create_app
def watched(answerer, settings):
    app = create_app(answerer, settings)
    async def watching(scope, receive, send):
        if scope.get("path") == "/loaded":
            await JSONResponse(loaded)(scope, receive, send)
        else:
            asked.set(scope.get("path", "").startswith("/api/"))
            await app(scope, receive, send)
    return watching
ui.app.create_app = watched
sys.exit(main(sys.argv[1:]))
"""
HISTORY = [{"question": "Who is Putin?", "answer": "He is the president."}]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Iterator[httpx.Client]:
    """A client of the server, which was let go on after it had kept somebody waiting."""
    folder = tmp_path_factory.mktemp("ready")
    with closing(Keyring.open(folder)) as keyring:
        _, key = keyring.make("ada", [], ["ask", "read", "feedback"], 1)
    publish(folder / "corpus", read([SEEDS]), encoder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    named = {"corpus": folder / "corpus", "data": folder, "access": "token", "port": port}
    with running("-c", SERVER, "serve", "--json", stderr=None, **named) as server:
        loaded = json.loads(said(server))["loaded"]
        # it is about to read a question for the first time, with all that reads
        assert {"faiss", "torch"} <= set(loaded)
        with socket.create_connection(("127.0.0.1", port), timeout=60) as early:
            early.sendall(b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            early.settimeout(0.2)
            # whoever asks by then is not refused, and not answered
            with pytest.raises(TimeoutError):
                early.recv(100)
            tell(server, "go on")
            early.settimeout(60)
            assert early.recv(100).startswith(b"HTTP/1.1 204 ")
        assert json.loads(said(server))["url"] == f"http://127.0.0.1:{port}"
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=120) as client:
            yield client


def test_the_first_question_loads_nothing(address: httpx.Client) -> None:
    until_ready(address)
    assert address.get("/loaded").json() == []
    assert address.post("/api/v1/ask", json={"question": "What gifts did Putin bring Kim?"}).status_code == 200
    assert address.get("/loaded").json() == []


@pytest.mark.parametrize(
    "asked",
    [
        {"question": "What did he bring?", "history": HISTORY, "risk": 0.05, "why": True},
        {"question": "Wie heißt der Präsident von 北朝鮮?"},
        {"question": "Who won the football match in Rio?"},
    ],
)
def test_nor_does_any_other(address: httpx.Client, asked: dict[str, object]) -> None:
    assert address.post("/api/v1/ask", json=asked).status_code == 200
    assert address.get("/loaded").json() == []
