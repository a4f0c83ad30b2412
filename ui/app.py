"""The web application: the JSON API, and the page beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from ui.api import add_api
from ui.chat import build_page
from ui.closing import Closing
from ui.deferred import Deferred
from ui.doors import only_the_page
from ui.gate import gated

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from rag.answer import Answerer


def create_app(answerer: Answerer) -> ASGIApp:
    """The application for this answerer. Its API answers at once; the page follows when gradio has been imported."""
    page = Deferred(lambda: build_page(answerer))
    closing = Closing(page)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with closing.listening():
            async with page.lifespan():
                yield

    # FastAPI's own documentation pages load their scripts from another host.
    app = FastAPI(title="quoth", lifespan=lifespan, docs_url=None, redoc_url=None)
    add_api(app, answerer)
    app.mount("/", only_the_page(closing))
    return gated(app)
