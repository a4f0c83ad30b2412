"""Fixtures that several test modules share. What they need is imported in them: most tests need neither."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from index.encoders.encoder import Encoder
    from rag.answer import Answerer

if "PYTEST_XDIST_WORKER" in os.environ:
    # the cores are shared by processes already: threads of each would wait for those of the others
    os.environ.setdefault("OMP_NUM_THREADS", "1")


# by module: while playwright is open its loop counts as running, and tests elsewhere run loops of their own
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Where it is missing, the test is skipped; in CI it fails."""
    from browser_support import CHROMIUM, QUIET
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing, and CI must try the page")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    """The packaged encoder, loaded once."""
    from index.encoders.load import load_encoder

    return load_encoder()


@pytest.fixture(scope="session")
def answerer(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Answerer:
    """The answerer itself, over the article of the seeds."""
    from corpus_support import SEEDS

    from index.corpus import open_corpus
    from index.publish import publish
    from index.sources.read import read
    from rag.answer import build_answerer
    from rag.settings import Settings

    settings = Settings(corpus=tmp_path_factory.mktemp("corpus"))
    publish(settings.corpus, read([SEEDS]), encoder)
    return build_answerer(open_corpus(settings.corpus, encoder), encoder, settings)
