"""What the widget's tests share: a host's site under a strict policy, a stand-in for the API, and a recorded visit."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from browser_support import CONTRASTS
from page_support import FakeAnswerer, article, serving
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from playwright.sync_api import Response as Received
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

import ui.widget
from index.errors import QuothError
from rag.row import detailed_row_of
from rag.text_fragment import linked
from rag.types import Citation, Turn

EMBED = Path(ui.widget.__file__).parent
SCRIPT = EMBED / "quoth.js"
SAMPLE = Path(__file__).parent / "sample_intranet"
POLICY = (
    "default-src 'none'; script-src 'self'{0}; connect-src 'self'{0}; style-src 'self'; img-src 'self'; "
    "require-trusted-types-for 'script'"
)
# of the texts in the widget; what was mixed is given in parts of one
CONTRASTS_INSIDE = CONTRASTS.replace("document.body", "document.querySelector('quoth-widget').shadowRoot").replace(
    "map(Number)", "map((part) => part * (colour.startsWith('color(') ? 255 : 1))"
)


def sample(name: str, *changes: tuple[str, str]) -> str:
    """A page of the sample, with these changes: what stands there, and what is to."""
    page = (SAMPLE / name).read_text("utf-8")
    for old, new in changes:
        assert old in page
        page = page.replace(old, new)
    return page


def as_written(text: str) -> str:
    """What a reader sees of a page's text: blanks as one, and nothing that only shows at the end of a line."""
    return " ".join(text.replace("\u00ad", "").split())


@dataclass
class Api:
    """A stand-in for /api/v1 over a stand-in for the answerer. It remembers what it was asked."""

    answerer: FakeAnswerer
    tokens: set[str] | None = None
    """Embed tokens that are good for a session, where one is needed."""
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Statuses and headers that the next requests are refused with."""
    detail: str = ""
    """What the problems say of these refusals."""
    keeps_feedback: bool = True
    gate: threading.Event = field(default_factory=threading.Event)
    """While it is not set, no question is answered."""
    bearers: set[str] = field(default_factory=set)
    headers: list[dict[str, str]] = field(default_factory=list)
    histories: list[list[dict[str, Any]]] = field(default_factory=list)
    feedback: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    async def respond(self, request: Request) -> Response:
        path = request.path_params["path"]
        body = await request.json() if request.method == "POST" else {}
        self.headers.append(dict(request.headers))
        if self.refusals:
            status, headers = self.refusals.pop(0)
            return _problem(status, self.detail, headers)
        if path == "session":
            if self.tokens is None or body["token"] not in self.tokens:
                return _problem(401, "This embed token is not good")
            self.tokens.remove(body["token"])
            self.bearers.add(f"Bearer short-{body['token']}")
            return JSONResponse({"token": f"short-{body['token']}", "expires_in": 600})
        if self.tokens is not None and request.headers.get("authorization") not in self.bearers:
            return _problem(401, "Sign in")
        if path == "feedback":
            self.feedback.append(body)
            return Response(status_code=204)
        if path.startswith("documents/"):
            document = self.answerer.corpus.document(path.removeprefix("documents/"))
            return JSONResponse({"id": document.id, "title": document.title, "text": document.text})
        await run_in_threadpool(self.gate.wait)
        try:
            return JSONResponse(self._ask(**body))
        except QuothError as error:
            return _problem(422, str(error))

    def _ask(self, question: str, history: list[dict[str, Any]]) -> dict[str, Any]:
        self.histories.append(history)
        answer = self.answerer.ask(
            question, [Turn(**turn | {"documents": tuple(turn["documents"])}) for turn in history]
        )
        row = detailed_row_of(answer, id=f"row-{len(self.histories)}")
        for key, citations in (("citations", answer.citations), ("closest", answer.closest)):
            row[key] = [shown | _where(citation) for shown, citation in zip(row[key], citations, strict=True)]
        return row | {"feedback": self.keeps_feedback}


def _where(citation: Citation) -> dict[str, str | None]:
    document = citation.excerpt.document
    return {"source": document.source, "link": linked(document, citation.excerpt.span)}


def _problem(status: int, detail: str, headers: Mapping[str, str] = {}) -> Response:
    body = {"type": "about:blank", "title": "This was refused", "status": status, "detail": detail}
    return Response(json.dumps(body), status, dict(headers), "application/problem+json")


@contextmanager
def site(api: Api | None, pages: Mapping[str, str] = {}, *, other: str = "", abroad: bool = False) -> Iterator[str]:
    """Serves the sample's pages, and `pages` in their stead, with the API beside them, where there is one.

    `other` is the address that these pages may load from besides; `abroad`, whether pages of localhost may ask here,
    which is another site than 127.0.0.1.
    """

    def page(request: Request) -> Response:
        name = request.path_params["name"]
        if name in pages:
            kind = "text/javascript" if name.endswith(".js") else "text/css" if name.endswith(".css") else "text/html"
            response = Response(pages[name], media_type=kind)
        elif name == "favicon.ico":
            response = Response(status_code=204)
        else:
            response = FileResponse(SCRIPT if name == "quoth.js" else SAMPLE / name)
        response.headers["content-security-policy"] = POLICY.format(other and f" {other}")
        return response

    routes = [Route("/{name}", page)]
    if api is not None:
        routes.append(Route("/api/v1/{path:path}", api.respond, methods=["GET", "POST"]))
    cors = Middleware(
        CORSMiddleware,
        allow_origin_regex=r"http://localhost:\d+",
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type"],
        expose_headers=["retry-after"],
    )
    with serving(Starlette(routes=routes, middleware=[cors] if abroad else [])) as address:
        yield address


class Visit:
    """A visit to a page with the widget, of which every request, complaint and event is kept."""

    def __init__(self, context: BrowserContext, address: str, name: str) -> None:
        self.requests: list[str] = []
        self.responses: list[Received] = []
        self.complaints: list[str] = []
        self.addresses = [address]
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("response", lambda received: self.responses.append(received))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        context.on(
            "console",
            lambda message: message.type in ("error", "warning") and self.complaints.append(message.text),
        )
        self.page: Page = context.new_page()
        self.page.add_init_script(
            "window.told = []; for (const name of ['ready', 'asked', 'answered', 'opened', 'failed'])"
            " document.addEventListener(`quoth:${name}`, (event) => told.push([name, event.detail]));"
        )
        self.page.goto(f"{address}/{name}")
        expect(self.page.locator("quoth-widget")).to_be_attached()

    @property
    def told(self) -> list[list[Any]]:
        """The events that the host's page was told of, with their details."""
        return list(self.page.evaluate("window.told"))

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Your question")

    def open(self) -> None:
        self.page.locator(".launcher").click()

    def ask(self, question: str) -> None:
        self.box.fill(question)
        self.page.keyboard.press("Enter")
        expect(self.page.locator(".log h3").last).to_have_text(f"You asked: {question}")
        self.settled()

    def settled(self) -> None:
        expect(self.page.locator(".log")).to_have_attribute("aria-busy", "false", timeout=30_000)

    def cite(self, number: int) -> Locator:
        """The citation with this number in the latest answer."""
        return self.page.locator(".log article").last.locator(".cite", has_text=f"[{number}]")

    def marked(self, kind: str = "excerpt") -> str:
        """What is marked in the host's own text."""
        ranges = "kind => [...(CSS.highlights.get(`quoth-${kind}`) ?? [])].map(String).join('')"
        return str(self.page.evaluate(ranges, kind))

    def words_in_sight(self) -> bool:
        """Whether what is marked lies in the window and nothing over it, of the widget or of the page."""
        return bool(
            self.page.evaluate(
                """() => [...CSS.highlights.get("quoth-excerpt")].every((range) => {
                  const text = range.commonAncestorContainer;
                  const on = (hit) => hit && (text.contains(hit) || hit.contains(text));
                  return [...range.getClientRects()].every(({ left, right, top, bottom }) => bottom <= innerHeight
                    && [left + 2, right - 2].every((x) => [top + 1, bottom - 1].every(
                      (y) => on(document.elementFromPoint(x, y)))));
                })"""
            )
        )

    def check(self) -> None:
        """All requests went where they may, and the browser had nothing to complain of."""
        allowed = tuple(f"{address}/" for address in self.addresses)
        assert [url for url in self.requests if not url.startswith((*allowed, "data:"))] == []
        assert self.complaints == []


@contextmanager
def visiting(browser: Browser, address: str, name: str, **options: Any) -> Iterator[Visit]:
    """A visit to the page of this name, checked at its end."""
    options = {
        "viewport": {"width": 1280, "height": 860},
        "color_scheme": "light",
        "reduced_motion": "reduce",
    } | options
    with browser.new_context(**options) as context:
        visit = Visit(context, address, name)
        yield visit
        visit.check()


@contextmanager
def trying(
    browser: Browser, name: str, api: Api | None = None, pages: Mapping[str, str] = {}, **options: Any
) -> Iterator[Visit]:
    """A visit to a site of its own, which answers from the article unless `api` is given."""
    with (
        site(api or Api(FakeAnswerer(article())), pages) as address,
        visiting(browser, address, name, **options) as visit,
    ):
        yield visit
