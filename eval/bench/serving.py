"""The server of the article timed from outside: its start, what its API adds to answering, and its page and widget."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from eval.bench.timing import Figure, in_turns, median, ratio, seconds
from eval.questions.data import ARTICLE_QUESTIONS, read_questions
from eval.questions.documents import read_documents
from index.errors import SettingsError
from index.exit_codes import GOOD
from index.sources import SEEDS
from rag.settings import Settings

_ROUNDS = 5
_VISITS = 9
_QUESTIONS = 48
_CLIENTS = 8
"""How many ask at once, so that there is always something to do."""

_COMMAND = (sys.executable, "-m", "ui.command.cli")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_WIDGET = '<!doctype html><title>host</title><script src="quoth.js" data-mode="inline"></script>'

# The moment, in milliseconds since the navigation began, in which a question can be typed and sent.
_USABLE = """() => new Promise((usable) => {
  const look = () => {
    const box = ROOT?.querySelector("textarea");
    if (box && !box.disabled && box.getClientRects().length) usable(performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""
_ON_PAGE, _IN_WIDGET = 'document.querySelector("#question")', 'document.querySelector("quoth-widget")?.shadowRoot'


def serving(settings: Settings) -> list[Figure]:
    """All of them. Raises SettingsError where these settings cannot serve."""
    helps = [_processor_seconds([*_COMMAND, "--help"]) for _ in range(_ROUNDS)]
    with tempfile.TemporaryDirectory(prefix="quoth-bench-") as folder:
        environment = {
            **os.environ,
            "QUOTH_CORPUS": folder,
            "QUOTH_DATA": str(Path(folder) / "data"),
            "QUOTH_ACCESS": "none",
            "QUOTH_BASE": "",
            "QUOTH_PER_MINUTE": "1000000",
        }
        _index(environment)
        started = in_turns(
            lambda _: seconds(_first_answer, environment), lambda _: seconds(_import_torch), range(_ROUNDS + 1)
        )[1:]
        with _served(environment) as url:
            figures = [*_api(settings, Path(folder), url), *_browser(url)]
    return [
        Figure("quoth --help, seconds of processor time", statistics.median(helps), 0.3, f"median of {_ROUNDS}"),
        ratio("quoth serve to its first answer, to importing torch", started, 3.0),
        *figures,
    ]


def _api(settings: Settings, corpus_folder: Path, url: str) -> list[Figure]:
    """What is asked over the API against what Answerer.ask takes: one at a time, and as fast as it goes."""
    from index.embedded.corpus import Corpus
    from index.encoders.encoder import load_encoder
    from rag.answer import build_answerer

    documents = read_documents([SEEDS], language=settings.language)
    questions = [question.text for question in read_questions(ARTICLE_QUESTIONS, documents)][:_QUESTIONS]
    encoder = load_encoder(settings.encoder)
    with closing(Corpus.open(corpus_folder, encoder)) as corpus:
        answerer = build_answerer(corpus, encoder, settings)

        def in_process(_: int) -> float:
            return seconds(lambda: [answerer.ask(question) for question in questions])

        def over_the_api(_: int) -> float:
            return seconds(_ask_all, url, questions)

        rounds = in_turns(over_the_api, in_process, range(_ROUNDS + 1))[1:]
    with closing(_connected(url)) as connection:
        added = [_added(connection, question) for question in questions * 2][len(questions) :]
    return [
        median("the API adds to Answerer.ask, milliseconds", added, 3.0),
        ratio(
            f"{len(questions)} answers over the API, {_CLIENTS} asked for at once, to as many in turn in process",
            rounds,
            1 / 0.85,
        ),
    ]


def _added(connection: http.client.HTTPConnection, question: str) -> float:
    """Milliseconds that an answer took besides those that the server says Answerer.ask took."""
    row: dict[str, Any] = {}
    took = seconds(lambda: row.update(_ask(connection, question)))
    return 1000 * took - float(row["ms"]["total"])


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
    place = urlsplit(url)
    return http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)


def _browser(url: str) -> list[Figure]:
    """How soon page and widget can be asked, each time by a browser that has never seen them."""
    chromium = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if chromium is None or find_spec("playwright") is None:
        sys.stderr.write("eval.bench.inner: without Chromium and playwright the page and the widget are not timed\n")
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

        def visits(path: str, root: str) -> list[float]:
            return [visit(path, root) for _ in range(_VISITS + 1)][1:]

        return [
            median("the widget can be asked, milliseconds after its page was opened", visits("host", _IN_WIDGET), 300),
            median("the page can be asked, milliseconds after it was opened", visits("", _ON_PAGE), 1500),
        ]


def _index(environment: dict[str, str]) -> None:
    """The article made a corpus. Raises SettingsError where the command cannot: with these settings it ends here."""
    done = subprocess.run(
        [*_COMMAND, "index", str(SEEDS)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode != GOOD:
        said = done.stderr.strip().rpartition("\n")[2]
        raise SettingsError(
            f"quoth index ended with the exit code {done.returncode}, expected {GOOD}: {said}",
            "Correct the environment, and see quoth doctor",
        )


@contextmanager
def _served(environment: dict[str, str]) -> Iterator[str]:
    """The URL of a server in a process of its own."""
    process = subprocess.Popen(
        [*_COMMAND, "serve", "--port", "0", "--json"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        # killed, since how long it takes to stop is not what is measured
        process.kill()
        process.wait()


def _first_answer(environment: dict[str, str]) -> None:
    with _served(environment) as url, closing(_connected(url)) as connection:
        _ask(connection, "What gifts did Putin bring Kim Jong Un?")


def _import_torch() -> None:
    subprocess.run([sys.executable, "-c", "import torch"], check=True)


def _processor_seconds(command: Sequence[str]) -> float:
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system
