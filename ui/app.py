"""The web application: services, routes and middleware of the JSON API, the MCP tools and the page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.answer import Answerer
from ui.access.embed_token import EmbedTokens
from ui.access.identify import identification
from ui.access.keyring import Keyring
from ui.access.person import EVERYONE
from ui.access.private_files import make_private, read_secret
from ui.access.require_person import for_the_page, identified
from ui.access.sign_in import SIGN_IN, sign_in, sign_out
from ui.api.mcp import TOOLS, build_tools
from ui.api.routes import DESCRIPTION, ERRORS, PREFIX, add_metrics, api, problem_of
from ui.http.body_limit import body_limit
from ui.http.metrics import Metrics
from ui.http.rate_limit import Admission, RateLimit
from ui.http.request_log import request_log
from ui.http.trusted_host import trusted_host
from ui.journal.audit import FILE as AUDIT
from ui.journal.audit import AuditLog, Refusals
from ui.journal.journal import FILE as JOURNAL
from ui.journal.journal import Journal
from ui.page.chat import build_page
from ui.page.gradio_guard import only_the_page
from ui.page.lazy_app import Deferred
from ui.service import Service
from ui.settings import ServerSettings

READS = 10
"""For each question that the rate limit allows, it allows this many reads of documents, their list or the status."""
ASSETS = "/assets/"
"""The path of gradio's static files. A file's name changes with its content, so browsers may keep it."""


def create_app(answerer: Answerer, settings: ServerSettings) -> ASGIApp:
    """Builds the ASGI application that serves `answerer`. All of its paths begin with `settings.base`.

    The API answers at once, the page as soon as gradio has been imported. Raises SettingsError if the settings name a
    file that cannot be used.
    """
    # services; named: whether the server knows the names of the people who ask
    base, named = settings.base, settings.access != "none" or settings.embed_secret is not None
    if settings.journal or named:
        make_private(settings.data)
    keyring = Keyring.open(settings.data) if named else None
    embedding = None
    if settings.embed_secret and keyring:
        embedding = EmbedTokens(read_secret(settings.embed_secret, "embed_secret"), settings.origins, keyring)
    journal_file = settings.data / JOURNAL
    journal = Journal(journal_file, days=settings.journal_days, named=named) if settings.journal else None
    audit = AuditLog(settings.data / AUDIT) if named else None
    refusals = Refusals(audit) if audit else None
    admission = Admission(settings.workers, settings.waiting)
    metrics = Metrics(admission, answerer.corpus.created)
    limit, reads = RateLimit(settings.per_minute), RateLimit(READS * settings.per_minute)
    service = Service(answerer, admission, limit, reads, metrics, journal, audit, settings.log_questions)

    # routes
    page = Deferred(lambda: build_page(service, base))
    tools = Deferred(lambda: build_tools(service, base))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with page.lifespan(), tools.lifespan():
            await _warm_up(app, f"{base}{PREFIX}/ask")
            yield
        for resource in (journal, keyring, refusals):
            if resource:
                resource.close()

    fastapi = FastAPIOffline(
        title="quoth",
        description=DESCRIPTION,
        lifespan=lifespan,
        exception_handlers=dict.fromkeys(ERRORS, problem_of),
        openapi_url=f"{base}{PREFIX}/openapi.json",
        # FastAPI's own pages load scripts from another host
        docs_url=f"{base}{PREFIX}/docs",
        static_url=f"{base}{PREFIX}/docs/static",
        swagger_ui_oauth2_redirect_url=f"{base}{PREFIX}/docs/oauth2-redirect",
        redoc_url=None,
        # behind a proxy that ends TLS, these redirects would point to http
        redirect_slashes=False,
    )
    fastapi.include_router(api(service, embedding, lambda: page.built and tools.built), prefix=base)
    add_metrics(fastapi, service, base)
    add_widget(fastapi, base)
    if settings.access == "token" and keyring:
        fastapi.router.routes += [sign_in(keyring, base), sign_out(base)]
    # only POST: a GET would open a stream for messages from the server, but this server sends none
    fastapi.router.routes.append(Route(f"{base}{TOOLS}", tools, methods=["POST"]))
    # not mounted: a mount would also match a known path with a wrong method, which must get a 405
    fastapi.router.default = for_the_page(only_the_page(page, base), base)

    # Middleware, outermost first. It wraps FastAPI itself, so that FastAPI's error responses pass through it too.
    sign_in_page = f"{base}{SIGN_IN}" if settings.access == "token" else None
    middleware = [
        Middleware(request_log, metrics),
        *([Middleware(refusals.middleware)] if refusals else []),
        Middleware(trusted_host, settings.hosts, settings.origins, immutable=f"{base}{ASSETS}"),
        Middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After", "X-Request-ID"],
        ),
        Middleware(identified, identification(settings, keyring, embedding), base, sign_in=sign_in_page),
        Middleware(body_limit),
    ]
    app: ASGIApp = fastapi
    for layer, args, kwargs in reversed(middleware):
        app = layer(app, *args, **kwargs)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        # middleware sees requests, but not the lifespan
        await (app if scope["type"] == "http" else fastapi)(scope, receive, send)

    return serve


async def _warm_up(app: ASGIApp, path: str) -> None:
    """Sends a question to `app` before the server listens, because libraries load parts at the first request.

    The person may not ask, so it is refused. `app` is called inside the middleware that would count and log it.
    """

    async def receive() -> Message:
        return {"type": "http.request", "body": b'{"question": "Is everything ready?"}'}

    async def send(message: Message) -> None:
        pass

    request = {"type": "http", "method": "POST", "path": path, "query_string": b"", "state": {"person": EVERYONE}}
    await app(request | {"headers": [(b"content-type", b"application/json")]}, receive, send)


def add_widget(app: FastAPI, base: str) -> None:
    """Adds the widget's script at /quoth.js."""
    script = files("ui") / "widget" / "quoth.js"

    @app.get(f"{base}/quoth.js", include_in_schema=False)
    def widget() -> Response:
        # always revalidated, since pages name it without a version
        return Response(script.read_bytes(), media_type="text/javascript", headers={"Cache-Control": "no-cache"})
