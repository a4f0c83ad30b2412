"""Many people at once, and a server that is killed under them: in a process of its own, over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from ui.journal import Journal
from ui.keyring import Keyring
from ui.service import AUDIT, JOURNAL

# as `quoth serve` does it, but with the stand-in for the answerer, which takes its time
SERVER = """
import socket, sys, uvicorn
from pathlib import Path
from page_support import FakeAnswerer, app_of, article
from ui.edges import impatient
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
app = app_of(FakeAnswerer(article(), delay=float(sys.argv[2])), access="token", data=Path(sys.argv[1]), journal=True,
             per_minute=1_000_000, waiting=int(sys.argv[3]), workers=2)
uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, http=impatient(seconds=10, connections=500))
).run(sockets=[listener])
"""
QUESTION = {"question": "Who is North Korea’s largest economic partner?"}


@contextmanager
def served(data: Path, delay: float = 0.0, waiting: int = 64) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    with closing(Keyring.open(data)) as keyring:
        _, key = keyring.make("ada", [], ["ask", "read", "feedback", "metrics"], 1)
    here = Path(__file__).parent
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(data), str(delay), str(waiting)],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(here.parent)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stdout is not None
        address = f"http://127.0.0.1:{int(server.stdout.readline())}"
        try:
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(base_url=address, headers=headers, timeout=120, limits=httpx.Limits()) as client:
                yield server, client
        finally:
            server.kill()


def test_what_was_acknowledged_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with served(tmp_path) as (server, client):

        def ask() -> None:
            while True:
                try:
                    id = client.post("/api/v1/ask", json=QUESTION).json()["id"]
                    if client.post("/api/v1/feedback", json={"id": id, "verdict": "down"}).status_code == 204:
                        acknowledged.append(id)
                except httpx.HTTPError:
                    return

        people = [threading.Thread(target=ask) for _ in range(8)]
        for person in people:
            person.start()
        while len(acknowledged) < 60:
            assert server.poll() is None
            time.sleep(0.05)
        server.send_signal(signal.SIGKILL)
        for person in people:
            person.join()
    with closing(Journal.open(tmp_path / JOURNAL, days=30, named=True)) as journal:
        kept = {gap.id for gap in journal.gaps() if gap.reason == "down"}
    assert set(acknowledged) <= kept
    lines = [json.loads(line) for line in (tmp_path / AUDIT).read_text().splitlines()]
    audited = {(line["event"], line.get("id")) for line in lines}
    assert {(event, id) for event in ("ask", "feedback") for id in acknowledged} <= audited
    with served(tmp_path) as (_, client):
        assert client.get("/api/v1/ready").status_code == 204


def test_past_the_bound_of_the_queue_nobody_hangs(tmp_path: Path) -> None:
    statuses: Counter[int] = Counter()
    later: list[str] = []
    with served(tmp_path, delay=0.2, waiting=4) as (_, client):

        def ask() -> None:
            answer = client.post("/api/v1/ask", json=QUESTION)
            statuses[answer.status_code] += 1
            if answer.status_code == 503:
                later.append(answer.headers["retry-after"])

        people = [threading.Thread(target=ask) for _ in range(40)]
        for person in people:
            person.start()
        for person in people:
            person.join()
        assert client.post("/api/v1/ask", json=QUESTION).status_code == 200
        metrics = client.get("/metrics").text
    assert set(statuses) == {200, 503}
    assert statuses[200] >= 6
    assert all(int(seconds) >= 1 for seconds in later)
    assert f'quoth_questions_total{{outcome="refused"}} {float(statuses[503])}' in metrics


def test_below_the_bound_everybody_is_answered(tmp_path: Path) -> None:
    statuses: Counter[int] = Counter()
    with served(tmp_path, delay=0.005, waiting=64) as (_, client):

        def ask() -> None:
            for _ in range(5):
                statuses[client.post("/api/v1/ask", json=QUESTION).status_code] += 1

        people = [threading.Thread(target=ask) for _ in range(64)]
        for person in people:
            person.start()
        for person in people:
            person.join()
    assert statuses == {200: 320}
