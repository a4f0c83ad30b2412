"""The web application: the JSON API and the page beside it, composed; everything else is a part of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Route

from rag.settings import Settings
from ui.access.embed_token import Embedding
from ui.access.identify import for_the_page, identification, identified, read_secret
from ui.access.keyring import Keyring
from ui.access.private_folder import make_private
from ui.access.sign_in import PATH as SIGN_IN
from ui.access.sign_in import sign_in, sign_out
from ui.api.mcp import PATH as TOOLS
from ui.api.mcp import build_tools
from ui.api.reference import reference_html
from ui.api.routes import PREFIX, add_metrics, add_problems, api, no_others
from ui.http.body_limit import bounded
from ui.http.metrics import Metrics, counted
from ui.http.rate_limit import Admission, RateLimit
from ui.http.request_log import AuditLog, Refusals, logged
from ui.http.timeouts import within
from ui.http.trusted_host import gated
from ui.journal.journal import Journal
from ui.page.chat import build_page
from ui.page.gradio_guard import only_the_page
from ui.page.lazy_app import Deferred
from ui.page.warm_up import warm_up
from ui.service import AUDIT, JOURNAL, Service

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

    from rag.answer import Answerer

BODY_SECONDS = 10.0
"""In which a request must have come whole."""
READS = 10
"""How many times as often as ask may one person read: documents, their list, the status."""
ASSETS = "/assets/"
"""Where gradio has files of its own, each named by what it holds."""


def create_app(answerer: Answerer, settings: Settings) -> ASGIApp:
    """The application for this answerer, with everything under `settings.base`.

    Its API answers at once; the page follows when gradio has been imported. Raises SettingsError where what the
    settings name cannot be used.
    """
    base, known_by_name = settings.base, settings.access != "none" or settings.embed_secret is not None
    if settings.journal or known_by_name:
        make_private(settings.data)
    keyring = Keyring.open(settings.data) if known_by_name else None
    embedding = None
    if settings.embed_secret and keyring:
        embedding = Embedding(read_secret(settings.embed_secret, "embed_secret"), settings.origins, keyring)
    journal = None
    if settings.journal:
        journal = Journal.open(settings.data / JOURNAL, days=settings.journal_days, named=known_by_name)
    audit = AuditLog.open(settings.data / AUDIT) if keyring else None
    refusals = Refusals(audit) if audit else None
    admission = Admission(settings.workers, settings.waiting)
    metrics = Metrics(admission)
    metrics.edition_made(answerer.corpus.manifest.created)
    limit = RateLimit(settings.per_minute)
    reads = RateLimit(READS * settings.per_minute)
    service = Service(answerer, admission, limit, metrics, journal, audit, reads, settings.log_questions)
    page = Deferred(lambda: build_page(service, base))
    tools = Deferred(lambda: small(build_tools(service, base)))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with page.lifespan(), tools.lifespan():
            await warm_up(app, f"{base}{PREFIX}/ask")
            yield
        for kept in (journal, keyring, refusals):
            if kept:
                kept.close()

    app = FastAPI(
        title="quoth",
        lifespan=lifespan,
        openapi_url=f"{base}{PREFIX}/openapi.json",
        # those of FastAPI's own load their scripts from another host
        docs_url=None,
        redoc_url=None,
        # they would lead to http, behind a proxy that ends TLS
        redirect_slashes=False,
    )
    app.include_router(api(service, embedding, lambda: page.built and tools.built), prefix=base)
    add_metrics(app, service, base)
    add_reference(app, base)
    add_widget(app, base)
    add_problems(app)
    if settings.access == "token" and keyring:
        app.router.routes += [sign_in(keyring, base), sign_out(base)]
    # no others: by a GET one would be sent what the server has to say, which is nothing, for ever
    app.router.routes.append(Route(f"{base}{TOOLS}", tools, methods=["POST"]))
    # not mounted: a mount would answer for known paths that are asked for by a wrong method
    app.router.default = no_others(for_the_page(only_the_page(page, base)), base)

    known = identified(
        app,
        identification(settings, keyring, embedding),
        base,
        sign_in=f"{base}{SIGN_IN}" if settings.access == "token" else None,
    )
    shared = CORSMiddleware(
        known,
        allow_origins=settings.origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["Retry-After", "X-Request-ID"],
    )
    gate = counted(gated(shared, settings.hosts, settings.origins, lasting=f"{base}{ASSETS}"), metrics)
    hurried = within(gate, seconds=BODY_SECONDS)
    return logged(refusals.watching(hurried) if refusals else hurried)


def small(app: Starlette) -> Starlette:
    """`app`, with bodies that are too large refused as everywhere here: its makers do so in words of their own."""
    app.add_middleware(bounded)
    return app


def add_reference(app: FastAPI, base: str) -> None:
    """Puts the API's description, for people, at /api/v1/docs."""

    @app.get(f"{base}{PREFIX}/docs", include_in_schema=False)
    def reference() -> Response:
        return Response(reference_html(app.openapi()), media_type="text/html")


def add_widget(app: FastAPI, base: str) -> None:
    """Puts the widget's script at /quoth.js."""
    script = files("ui") / "widget" / "quoth.js"

    @app.get(f"{base}/quoth.js", include_in_schema=False)
    def widget() -> Response:
        # asked for anew, since pages name it without a version
        return Response(script.read_bytes(), media_type="text/javascript", headers={"Cache-Control": "no-cache"})
