"""A server that is told to stop while questions are being answered, in a process of its own."""

import json
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest
from page_support import SEEDS
from process_support import running, said, tell

from index.encoders.encoder import Encoder
from index.publish import publish
from index.sources.read import read

# As `quoth serve` does it, but the stand-in for the answerer says that it was asked, and answers when it is told to.
SERVER = """
import contextlib, socket, sys, uvicorn
from page_support import FakeAnswerer, app_of, article
class Patient(FakeAnswerer):
    def ask(self, *args, **kwargs):
        print("asked", flush=True)
        sys.stdin.readline()
        return super().ask(*args, **kwargs)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(
    app_of(Patient(article())), log_level="warning", access_log=False, timeout_graceful_shutdown=60
)
with contextlib.suppress(KeyboardInterrupt):
    uvicorn.Server(config).run(sockets=[listener])
"""
# The command itself, with an answer that takes its time.
COMMAND = """
import sys, time
import rag.answer
from ui.command.cli import main
class Slow(rag.answer.Answerer):
    def ask(self, question, *args, **kwargs):
        if "partner" in question:
            print("asked", flush=True)
            time.sleep(4)
        return super().ask(question, *args, **kwargs)
rag.answer.Answerer = Slow
sys.exit(main(sys.argv[1:]))
"""
QUESTION = {"question": "Who is North Korea’s largest economic partner?"}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ask", "arguments": QUESTION}}
JSON = {"Accept": "application/json, text/event-stream"}


def listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=30).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize(("path", "body"), [("/mcp", CALL), ("/api/v1/ask", QUESTION)])
def test_who_has_asked_has_the_answer_before_it_stops(path: str, body: dict[str, object]) -> None:
    with running("-c", SERVER) as server:
        port = int(said(server))
        answers: list[httpx.Response] = []

        def ask() -> None:
            answers.append(httpx.post(f"http://127.0.0.1:{port}{path}", json=body, headers=JSON, timeout=120))

        person = threading.Thread(target=ask)
        person.start()
        assert said(server) == "asked\n"
        server.send_signal(signal.SIGTERM)
        while listening(port):
            time.sleep(0.05)
        # it stops, and waits for this answer alone
        tell(server, "answer")
        person.join()
        (answer,) = answers
        assert answer.status_code == 200
        assert "citations" in answer.text
        _, complaints = server.communicate(timeout=45)
        assert complaints == ""


def test_the_command_itself_waits_as_long(tmp_path: Path, encoder: Encoder) -> None:
    publish(tmp_path / "corpus", read([SEEDS]), encoder)
    named = {"corpus": tmp_path / "corpus", "data": tmp_path, "journal": "false"}
    with running("-c", COMMAND, "serve", "--json", "--port", "0", stderr=None, **named) as server:
        url = json.loads(said(server))["url"]
        answers: list[httpx.Response] = []
        person = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{url}/api/v1/ask", json=QUESTION, timeout=120))
        )
        person.start()
        assert said(server) == "asked\n"
        server.send_signal(signal.SIGTERM)
        person.join()
        assert [answer.status_code for answer in answers] == [200]
        assert server.wait(60) == -signal.SIGTERM
