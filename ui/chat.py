"""The page, drawn with gradio: the conversation on the left, the source on the right."""

# No `from __future__ import annotations` here: gradio reads the handlers' annotations as objects, and it is imported
# only where the page is built, so as names they could not be resolved.

import os
from collections.abc import AsyncIterator
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from index.errors import QuothError
from rag.types import Citation, Turn
from ui.access import EVERYONE, Person, person_of
from ui.doors import only_listeners
from ui.render import Exchange, citation_at, conversation_html, examples_of, turns_of, welcome_html
from ui.source import View, source_html, view_of
from ui.traffic import Later

if TYPE_CHECKING:
    import gradio

    from index.corpus import Corpus
    from ui.service import Service

Conversation = tuple[Exchange, ...]

_EXAMPLES_FROM = 100
"""How many documents are looked through for examples."""

_BROKEN = "Something went wrong while this was being answered. The server's log says what."
_LATER = "Too much is being asked just now. Ask again in {seconds} seconds."
_FORGOTTEN = "The server no longer holds this conversation. Ask the question again to open its source."

_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Liberation Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")


def build_page(service: "Service", base: str = "") -> FastAPI:
    """The page as an application of its own, under `base`. This imports gradio, which takes seconds."""
    # gradio reads it when imported, and else reports to its makers.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    # With CORS middleware of its own above it, gradio leaves off its own, which lets in any origin. Ours lets in none.
    app = FastAPI(openapi_url=None, middleware=[Middleware(CORSMiddleware)])
    assets = files("ui") / "assets"
    style, script = ((assets / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    blocks = _blocks(service)
    gr.mount_gradio_app(
        app,
        blocks,
        path=base or "/",
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        max_file_size=1,
        # gradio serves one at the root alone
        favicon_path=None if base else str(assets / "favicon.svg"),
        theme=gr.themes.Base(font=_SANS, font_mono=_MONO),
        # Not by gradio's own css option: it puts a prefix before every selector.
        head=f"<style>{style}</style><script>{script}</script>",
    )
    app.add_middleware(only_listeners, functions=frozenset(blocks.fns))
    return app


def _blocks(service: "Service") -> "gradio.Blocks":
    import gradio as gr

    def corpus_of(request: gr.Request) -> "Corpus":
        return service.seen_by(_person(request)).corpus

    def spoken(conversation: Conversation, exchange: Exchange) -> tuple[Conversation, str]:
        conversation = (*conversation, exchange)
        return conversation, conversation_html(conversation)

    async def answered(
        question: str, conversation: Conversation, history: tuple[Turn, ...], request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        if not question.strip():
            yield gr.skip(), gr.skip(), gr.skip()
            return
        yield "", *spoken(conversation, Exchange(question))
        caller = request.client.host if request.client else ""
        try:
            given = await service.ask(_person(request), question, history, caller=caller)
            exchange = Exchange(question, given.answer)
        except QuothError as error:
            exchange = Exchange(question, problem=str(error))
        except Later as error:
            exchange = Exchange(question, problem=_LATER.format(seconds=error.retry_after))
        yield gr.skip(), *spoken(conversation, exchange)

    async def ask(question: str, conversation: Conversation, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        async for shown in answered(question, conversation, turns_of(conversation), request):
            yield shown

    async def ask_again(
        conversation: Conversation, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        # it says itself all that it is to mean
        async for shown in answered(str(event.question), conversation, (), request):
            yield shown

    async def ask_example(
        conversation: Conversation, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        async for shown in ask(str(event.question), conversation, request):
            yield shown

    def broken(conversation: Conversation, request: gr.Request) -> tuple[Conversation, str]:
        if conversation and conversation[-1].pending:
            return spoken(conversation[:-1], Exchange(conversation[-1].question, problem=_BROKEN))
        return conversation, conversation_html(conversation) or _welcome(corpus_of(request))

    def sheet(opened: View | None) -> tuple[View | None, str]:
        return opened, source_html(opened)

    def still_read(opened: View | None, request: gr.Request) -> View | None:
        """What is opened, if it may be read by now."""
        ids = {id for id, _ in corpus_of(request).titles()}
        return opened if opened and opened.document.id in ids else None

    def open_citation(conversation: Conversation, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        citation, corpus = citation_at(conversation, event.turn, event.number), corpus_of(request)
        places = {id: str(place) for place, (id, _) in enumerate(corpus.titles())}
        if citation is None or (id := citation.excerpt.document.id) not in places:
            return gr.skip(), source_html(None, _FORGOTTEN), gr.skip()
        return *sheet(_view(corpus, id, citation, event.turn)), places[id]

    def open_document(place: str, request: gr.Request) -> tuple[View | None, str]:
        corpus = corpus_of(request)
        return sheet(_view(corpus, corpus.titles()[int(place)][0]))

    def earlier(opened: View | None, request: gr.Request) -> tuple[View | None, str]:
        opened = still_read(opened, request)
        return sheet(opened and opened.earlier())

    def later(opened: View | None, request: gr.Request) -> tuple[View | None, str]:
        opened = still_read(opened, request) or _first(corpus_of(request))
        return sheet(opened and opened.later())

    def afresh(opened: View | None, request: gr.Request) -> tuple[Any, ...]:
        corpus, opened = corpus_of(request), still_read(opened, request)
        first = _view(corpus, opened.document.id) if opened else _first(corpus)
        return "", (), _welcome(corpus), *sheet(first)

    def arrive(request: gr.Request) -> tuple[Any, ...]:
        """What the page shows to one who may read more than everyone."""
        corpus = corpus_of(request)
        if corpus.titles() == shared.titles():
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        return _welcome(corpus), _picker(gr, corpus), *sheet(_first(corpus))

    # what everyone may read is written into the page, which is one for all
    shared = service.seen_by(EVERYONE).corpus
    first = _first(shared)
    blocks = gr.Blocks(title="quoth", analytics_enabled=False, fill_width=True)
    with blocks:
        conversation = gr.State(())
        opened = gr.State()
        header = _html(gr, _HEADER, "masthead", "fresh")
        with gr.Row(elem_id="desk"):
            with gr.Column(elem_id="chat"):
                log = _html(gr, _welcome(shared), "log", "cite", "example", "again")
                with gr.Row(elem_id="composer"):
                    question = gr.Textbox(
                        label="Your question",
                        placeholder="Ask about the documents",
                        lines=1,
                        max_lines=6,
                        autofocus=True,
                        elem_id="question",
                    )
                    button = gr.Button("Ask", variant="primary", elem_id="ask")
            with gr.Column(elem_id="source"):
                picker = _picker(gr, shared)
                source = _html(gr, source_html(first), "sheet", "earlier", "later")

        talk = [question, conversation, log]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        asked = gr.on(
            [question.submit, button.click], ask, [question, conversation], talk, trigger_mode="once", **quiet
        )
        tried = log.example(ask_example, conversation, talk, trigger_mode="once", **quiet)
        repeated = log.again(ask_again, conversation, talk, trigger_mode="once", **quiet)
        for event in (asked, tried, repeated):
            event.failure(broken, conversation, [conversation, log], **quiet)
        log.cite(open_citation, conversation, [opened, source, picker], queue=False, **quiet)
        picker.input(open_document, picker, [opened, source], queue=False, **quiet)
        source.earlier(earlier, opened, [opened, source], queue=False, **quiet)
        source.later(later, opened, [opened, source], queue=False, **quiet)
        blocks.load(arrive, None, [log, picker, opened, source], queue=False, **quiet)
        header.fresh(afresh, opened, [*talk, opened, source], queue=False, cancels=[asked, tried, repeated], **quiet)
    return blocks


def _person(request: "gradio.Request") -> Person:
    # gradio makes one without a request only where no browser asks
    assert request.request is not None
    return person_of(request.request.scope)


def _welcome(corpus: "Corpus") -> str:
    titles = corpus.titles()
    examples = examples_of(corpus.document(id) for id, _ in islice(titles, _EXAMPLES_FROM))
    return welcome_html(examples, one=len(titles) == 1)


def _view(corpus: "Corpus", id: str, citation: Citation | None = None, turn: str = "") -> View:
    return view_of(corpus.document(id), corpus.sentences(id), citation, turn)


def _first(corpus: "Corpus") -> View | None:
    titles = corpus.titles()
    return _view(corpus, titles[0][0]) if titles else None


def _picker(gr: Any, corpus: "Corpus") -> Any:
    """A document is its place in the picker: all of them are written into the page, and an id is long."""
    titles = corpus.titles()
    return gr.Dropdown(
        [(title, str(place)) for place, (_, title) in enumerate(titles)],
        value="0" if titles else None,
        label="Document",
        visible=len(titles) > 1,
        elem_id="picker",
    )


_HEADER = (
    '<header><h1><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7"/>'
    '<path d="M8 21v-5.2C8 11.7 10.2 9 14 8l.8 2.2c-2 .8-3 2.1-3.1 3.8H15v7zm9.5 0v-5.2c0-4.1 2.2-6.8 6-7.8'
    'l.8 2.2c-2 .8-3 2.1-3.1 3.8h3.3v7z"/></svg>quoth</h1>'
    "<p>Answers in the documents’ own words</p>"
    '<nav><button type="button" class="to-source" data-source>Source</button>'
    '<button type="button" class="fresh" data-event="fresh">New conversation</button></nav></header>'
    '<p id="status" class="hidden-words" role="status"></p>'
)


def _html(gr: Any, value: str, elem_id: str, *events: str) -> Any:
    """A piece of the page in our own HTML; page.js turns clicks on its buttons into these events."""
    listening = f"quoth.{elem_id}(element, watch); quoth.send(element, trigger, {list(events)!r});"
    return gr.HTML(value, elem_id=elem_id, js_on_load=listening, apply_default_css=False)
