"""Many people at once, and a server that is killed under them: in a process of its own, over HTTP."""

import http.client
import json
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from page_support import SEEDS
from process_support import running, said, until_ready

from index.encoders.encoder import Encoder
from index.publish import publish
from index.sources.read import read
from ui.access.keyring import Keyring
from ui.journal.audit import FILE as AUDIT
from ui.journal.journal import FILE as JOURNAL
from ui.journal.journal import read_gaps

# as `quoth serve` does it, but with the stand-in for the answerer, which takes its time
SERVER = """
import socket, sys, uvicorn
from pathlib import Path
from page_support import FakeAnswerer, app_of, article
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
app = app_of(FakeAnswerer(article(), delay=float(sys.argv[2])), access="token", data=Path(sys.argv[1]), journal=True,
             per_minute=1_000_000, waiting=int(sys.argv[3]), workers=2)
config = uvicorn.Config(app, log_level="warning", access_log=False, http="h11", limit_concurrency=500)
uvicorn.Server(config).run(sockets=[listener])
"""
QUESTION = {"question": "Who is North Korea’s largest economic partner?"}
QUESTIONS = Path(__file__).parent.parent / "eval" / "questions"
PEOPLE = 64


@contextmanager
def served(data: Path, delay: float = 0.0, waiting: int = 64) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    with closing(Keyring.open(data)) as keyring:
        _, key = keyring.make("ada", [], ["ask", "read", "feedback", "metrics"], 1)
    with running("-c", SERVER, str(data), str(delay), str(waiting), stderr=None) as server:
        address = f"http://127.0.0.1:{int(said(server))}"
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=address, headers=headers, timeout=120, limits=httpx.Limits()) as client:
            yield server, client


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
    kept = {gap.id for gap in read_gaps(tmp_path / JOURNAL, days=30) if gap.reason == "down"}
    assert set(acknowledged) <= kept
    lines = [json.loads(line) for line in (tmp_path / AUDIT).read_text().splitlines()]
    audited = {(line["event"], line.get("id")) for line in lines}
    assert {(event, id) for event in ("ask", "feedback") for id in acknowledged} <= audited
    with served(tmp_path) as (_, client):
        until_ready(client)


def test_past_the_bound_of_the_queue_nobody_hangs(tmp_path: Path) -> None:
    statuses: list[int] = []
    later: list[str] = []
    with served(tmp_path, delay=0.2, waiting=4) as (_, client):

        def ask() -> None:
            answer = client.post("/api/v1/ask", json=QUESTION)
            statuses.append(answer.status_code)
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
    assert statuses.count(200) >= 6
    assert all(int(seconds) >= 1 for seconds in later)
    assert f'quoth_questions_total{{outcome="refused"}} {float(statuses.count(503))}' in metrics


def test_below_the_bound_everybody_is_answered(tmp_path: Path) -> None:
    statuses: list[int] = []
    with served(tmp_path, delay=0.005, waiting=64) as (_, client):

        def ask() -> None:
            for _ in range(5):
                statuses.append(client.post("/api/v1/ask", json=QUESTION).status_code)

        people = [threading.Thread(target=ask) for _ in range(64)]
        for person in people:
            person.start()
        for person in people:
            person.join()
    assert statuses == [200] * 320


@contextmanager
def quoth(data: Path, encoder: Encoder) -> Iterator[tuple[int, str, str]]:
    """The command itself, with the article: its process, its address and a key to it."""
    with closing(Keyring.open(data)) as keyring:
        _, key = keyring.make("ada", [], ["ask", "read", "metrics"], 1)
    publish(data / "corpus", read([SEEDS]), encoder)
    named = {"corpus": data / "corpus", "data": data, "access": "token", "port": 0, "per_minute": 1_000_000}
    with running("-m", "ui.command.cli", "serve", "--json", stderr=subprocess.DEVNULL, **named) as server:
        yield server.pid, json.loads(said(server))["url"], key


def by_everyone(address: str, key: str, more: Callable[[], str | None]) -> tuple[Counter[int], list[float]]:
    """How the questions that `more` gives, until it gives none, were answered to all people at once, and how fast."""
    statuses: list[int] = []
    seconds: list[float] = []
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def ask() -> None:
        with closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)) as connection:
            while question := more():
                since = time.monotonic()
                connection.request("POST", "/api/v1/ask", json.dumps({"question": question}), headers)
                answer = connection.getresponse()
                answer.read()
                seconds.append(time.monotonic() - since)
                statuses.append(answer.status)

    with ThreadPoolExecutor(PEOPLE) as people:
        for person in [people.submit(ask) for _ in range(PEOPLE)]:
            person.result()
    return Counter(statuses), seconds


def megabytes(process: int) -> float:
    """What the process holds in memory."""
    (pages,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(pages) / 1024


def counted(client: httpx.Client) -> float:
    """The questions that the server has counted."""
    return sum(map(float, re.findall(r"^quoth_questions_total{.*} (.*)$", client.get("/metrics").text, re.MULTILINE)))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process holds is not told here")
def test_64_people_ask_for_a_minute_without_an_error_and_memory_stays_flat(
    tmp_path: Path, encoder: Encoder, record_property: Callable[[str, object], None]
) -> None:
    lines = [line for file in QUESTIONS.glob("*.jsonl") for line in file.read_text(encoding="utf-8").splitlines()]
    questions = [json.loads(line)["question"] for line in lines]
    assert len(questions) > PEOPLE
    with quoth(tmp_path, encoder) as (process, address, key), httpx.Client(base_url=address, timeout=120) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        # what is loaded later than the rest counts as no growth
        until_ready(client)
        # what is remembered of sentences, and what threads keep of memory, has its bound by then
        often = iter(3 * questions)
        statuses, _ = by_everyone(address, key, lambda: next(often, None))
        assert statuses == {200: 3 * len(questions)}
        before, asked = megabytes(process), counted(client)
        end = time.monotonic() + 60
        again = (question for _ in iter(int, 1) for question in questions)
        turn = threading.Lock()

        def until_the_minute_is_over() -> str | None:
            with turn:
                return next(again) if time.monotonic() < end else None

        statuses, seconds = by_everyone(address, key, until_the_minute_is_over)
        assert statuses == {200: len(seconds)}
        assert len(seconds) >= PEOPLE
        assert counted(client) - asked == len(seconds)
        after = megabytes(process)
    cuts = statistics.quantiles(seconds, n=20)
    told = {
        "answers": len(seconds),
        "p50_ms": round(1000 * cuts[9], 1),
        "p95_ms": round(1000 * cuts[18], 1),
        "p95_to_p50": round(cuts[18] / cuts[9], 2),
        "mb_before": round(before),
        "mb_after": round(after),
    }
    for name, value in told.items():
        record_property(name, value)
    # shown by pytest's -rP
    sys.stdout.write(f"{json.dumps(told)}\n")
    assert cuts[18] <= 4 * cuts[9]
    assert after - before < 0.1 * before
