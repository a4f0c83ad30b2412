"""Benchmarks of a running server: its start, the time that the API adds to answering, the page and the widget."""

import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from eval.bench.timing import Figure, in_turns, median, ratio, seconds
from eval.questions.data import ARTICLE_QUESTIONS, read_questions
from eval.questions.documents import read_documents
from index.corpus import open_corpus
from index.encoders.load import load_encoder
from index.errors import SettingsError
from index.publish import publish
from index.sources.read import SEEDS
from rag.answer import Answerer, build_answerer
from rag.settings import Settings

_CLIENTS = 8
"""The number of clients at once, so that the server always has work."""

_COMMAND = (sys.executable, "-m", "ui.command.cli")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_WIDGET = '<!doctype html><title>host</title><script src="quoth.js" data-mode="inline"></script>'

# The time, in milliseconds since navigation began, at which a question can be typed and sent.
_USABLE = """() => new Promise((usable) => {
  const look = () => {
    const box = ROOT?.querySelector("textarea");
    if (box && !box.disabled && box.getClientRects().length) usable(performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""
_ON_PAGE, _IN_WIDGET = 'document.querySelector("#question")', 'document.querySelector("quoth-widget")?.shadowRoot'


def serving(settings: Settings, *, rounds: int = 5, questions: int = 48, visits: int = 9) -> list[Figure]:
    """Every figure of a served article. Raises what reading and indexing the article with these settings raise."""
    helps = [_processor_seconds([*_COMMAND, "--help"]) for _ in range(rounds)]
    encoder = load_encoder(settings.encoder)
    documents = read_documents([SEEDS], language=settings.language)
    texts = [question.text for question in read_questions(ARTICLE_QUESTIONS, documents)][:questions]
    with tempfile.TemporaryDirectory(prefix="quoth-bench-") as folder:
        # settings of access, rate limits and folders in the environment are ignored here
        environment = {
            **os.environ,
            "QUOTH_CORPUS": folder,
            "QUOTH_DATA": str(Path(folder) / "data"),
            "QUOTH_ACCESS": "none",
            "QUOTH_BASE": "",
            "QUOTH_PER_MINUTE": "1000000",
        }
        publish(
            Path(folder), documents.all, encoder, language=settings.language, passage_tokens=settings.passage_tokens
        )
        starts = in_turns(
            lambda _: seconds(_first_answer, environment), lambda _: seconds(_import_torch), range(rounds)
        )
        with _served(environment) as url, closing(open_corpus(Path(folder), encoder)) as corpus:
            figures = [*_api(build_answerer(corpus, encoder, settings), url, rounds, texts), *in_browser(url, visits)]
    return [
        Figure("quoth --help, seconds of processor time", statistics.median(helps), 0.3, f"median of {rounds}"),
        ratio("quoth serve to its first answer, to importing torch", starts, 3.0),
        *figures,
    ]


def _api(answerer: Answerer, url: str, rounds: int, questions: Sequence[str]) -> list[Figure]:
    """Answers over the API against Answerer.ask: latency, one at a time, and throughput."""
    throughput = in_turns(
        lambda _: seconds(_ask_all, url, questions),
        lambda _: seconds(lambda: [answerer.ask(question) for question in questions]),
        range(rounds),
    )
    with closing(_connected(url)) as connection:
        added = [_added(connection, question) for question in questions]
    name = f"{len(questions)} answers over the API, {_CLIENTS} asked for at once, to as many in turn in process"
    return [median("the API adds to Answerer.ask, milliseconds", added, 3.0), ratio(name, throughput, 1 / 0.85)]


def _added(connection: http.client.HTTPConnection, question: str) -> float:
    """Milliseconds that an answer took beyond the time that the server reports for Answerer.ask."""
    started = time.perf_counter()
    row = _ask(connection, question)
    return 1000 * (time.perf_counter() - started) - float(row["ms"]["total"])


def _ask_all(url: str, questions: Sequence[str]) -> None:
    def ask(share: Sequence[str]) -> None:
        with closing(_connected(url)) as connection:
            for question in share:
                _ask(connection, question)

    with ThreadPoolExecutor(_CLIENTS) as clients:
        list(clients.map(ask, [questions[start::_CLIENTS] for start in range(_CLIENTS)]))


def _ask(connection: http.client.HTTPConnection, question: str) -> dict[str, Any]:
    connection.request("POST", "/api/v1/ask", json.dumps({"question": question}), {"Content-Type": "application/json"})
    response = connection.getresponse()
    row: dict[str, Any] = json.load(response)
    assert response.status == http.HTTPStatus.OK, row
    return row


def _connected(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)


def in_browser(url: str, visits: int) -> list[Figure]:
    """The time until page and widget can take a question, each time in a new browser without a cache."""
    chromium = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if chromium is None or find_spec("playwright") is None:
        sys.stderr.write("eval.bench: without Chromium and playwright the page and the widget are not timed\n")
        return []
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])

        def visit(path: str, root: str) -> float:
            with closing(browser.new_context()) as context:
                page = context.new_page()
                page.route(f"{url}/host", lambda route: route.fulfill(body=_WIDGET, content_type="text/html"))
                page.goto(f"{url}/{path}", wait_until="commit")
                return float(page.evaluate(_USABLE.replace("ROOT", root)))

        widget, page = (
            [visit(path, root) for _ in range(visits + 1)][1:] for path, root in (("host", _IN_WIDGET), ("", _ON_PAGE))
        )
        return [
            median("the widget can be asked, milliseconds after its page was opened", widget, 300),
            median("the page can be asked, milliseconds after it was opened", page, 1500),
        ]


@contextmanager
def _served(environment: Mapping[str, str]) -> Iterator[str]:
    """Starts a server in a separate process and yields its URL."""
    process = subprocess.Popen(
        [*_COMMAND, "serve", "--port", "0", "--json"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SettingsError("quoth serve ended before it served", "Correct the environment, and see quoth doctor")
        yield json.loads(line)["url"]
    finally:
        # killed, because a graceful stop takes longer and is not measured
        process.kill()
        process.wait()


def _first_answer(environment: Mapping[str, str]) -> None:
    with _served(environment) as url, closing(_connected(url)) as connection:
        _ask(connection, "What gifts did Putin bring Kim Jong Un?")


def _import_torch() -> None:
    subprocess.run([sys.executable, "-c", "import torch"], check=True)


def _processor_seconds(command: Sequence[str]) -> float:
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system
