"""The page, drawn with gradio: the conversation on the left, the source on the right."""

# No `from __future__ import annotations` here: gradio reads the handlers' annotations as objects, and it is imported
# only where the page is built, so as names they could not be resolved.

import os
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from index.errors import QuothError
from index.types import Document
from rag.types import Citation, Turn
from ui.doors import only_listeners
from ui.render import Exchange, citation_at, conversation_html, examples_of, turns_of, welcome_html
from ui.source import View, source_html, view_of

if TYPE_CHECKING:
    import gradio

    from rag.answer import Answerer

Conversation = tuple[Exchange, ...]

_EXAMPLES_FROM = 100
"""How many documents are looked through for examples."""

_BROKEN = "Something went wrong while this was being answered. The server's log says what."
_FORGOTTEN = "The server no longer holds this conversation. Ask the question again to open its source."

_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Liberation Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")


def build_page(answerer: "Answerer") -> FastAPI:
    """The page as an application of its own. This imports gradio, which takes seconds."""
    # gradio reads it when imported, and else reports to its makers.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    # With CORS middleware of its own above it, gradio leaves off its own, which lets in any origin. Ours lets in none.
    app = FastAPI(openapi_url=None, middleware=[Middleware(CORSMiddleware)])
    assets = files("ui") / "assets"
    style, script = ((assets / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    blocks = _blocks(answerer)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        max_file_size=1,
        favicon_path=str(assets / "favicon.svg"),
        theme=gr.themes.Base(font=_SANS, font_mono=_MONO),
        # Not by gradio's own css option: it puts a prefix before every selector.
        head=f"<style>{style}</style><script>{script}</script>",
    )
    app.add_middleware(only_listeners, functions=frozenset(blocks.fns))
    return app


def _blocks(answerer: "Answerer") -> "gradio.Blocks":
    import gradio as gr

    corpus = answerer.corpus
    titles = corpus.titles()
    # A document is its place in the picker: all of them are written into the page, and an id is long.
    places = {id: str(place) for place, (id, _) in enumerate(titles)}
    examples = examples_of(corpus.document(id) for id, _ in islice(titles, _EXAMPLES_FROM))
    welcome = welcome_html(examples, one=len(titles) == 1)

    def view(document: Document, citation: Citation | None = None, turn: str = "") -> View:
        return view_of(document, corpus.sentences(document.id), citation, turn)

    def spoken(conversation: Conversation, exchange: Exchange) -> tuple[Conversation, str]:
        conversation = (*conversation, exchange)
        return conversation, conversation_html(conversation)

    def answered(question: str, conversation: Conversation, history: tuple[Turn, ...]) -> Iterator[tuple[Any, ...]]:
        if not question.strip():
            yield gr.skip(), gr.skip(), gr.skip()
            return
        yield "", *spoken(conversation, Exchange(question))
        try:
            exchange = Exchange(question, answerer.ask(question, history))
        except QuothError as error:
            exchange = Exchange(question, problem=str(error))
        yield gr.skip(), *spoken(conversation, exchange)

    def ask(question: str, conversation: Conversation) -> Iterator[tuple[Any, ...]]:
        yield from answered(question, conversation, turns_of(conversation))

    def ask_again(conversation: Conversation, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        # it says itself all that it is to mean
        yield from answered(str(event.question), conversation, ())

    def ask_example(conversation: Conversation, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        yield from ask(str(event.question), conversation)

    def broken(conversation: Conversation) -> tuple[Conversation, str]:
        if conversation and conversation[-1].pending:
            return spoken(conversation[:-1], Exchange(conversation[-1].question, problem=_BROKEN))
        return conversation, conversation_html(conversation) or welcome

    def sheet(opened: View | None) -> tuple[View | None, str]:
        return opened, source_html(opened)

    def open_citation(conversation: Conversation, event: gr.EventData) -> tuple[Any, ...]:
        citation = citation_at(conversation, event.turn, event.number)
        if citation is None:
            return gr.skip(), source_html(None, _FORGOTTEN), gr.skip()
        document = citation.excerpt.document
        return *sheet(view(document, citation, event.turn)), places[document.id]

    def open_document(place: str) -> tuple[View | None, str]:
        return sheet(view(corpus.document(titles[int(place)][0])))

    def earlier(opened: View | None) -> tuple[View | None, str]:
        return sheet(opened and opened.earlier())

    def later(opened: View | None) -> tuple[View | None, str]:
        opened = opened or first
        return sheet(opened and opened.later())

    def afresh(opened: View | None) -> tuple[Any, ...]:
        return "", (), welcome, *sheet(view(opened.document) if opened else first)

    first = view(corpus.document(titles[0][0])) if titles else None
    blocks = gr.Blocks(title="quoth", analytics_enabled=False, fill_width=True)
    with blocks:
        conversation = gr.State(())
        opened = gr.State()
        header = _html(gr, _HEADER, "masthead", "fresh")
        with gr.Row(elem_id="desk"):
            with gr.Column(elem_id="chat"):
                log = _html(gr, welcome, "log", "cite", "example", "again")
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
                picker = gr.Dropdown(
                    [(title, places[id]) for id, title in titles],
                    value="0" if titles else None,
                    label="Document",
                    visible=len(titles) > 1,
                    elem_id="picker",
                )
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
        header.fresh(afresh, opened, [*talk, opened, source], queue=False, cancels=[asked, tried, repeated], **quiet)
    return blocks


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
