"""The page, drawn with gradio: the conversation on the left, the source on the right."""

# No `from __future__ import annotations` here: gradio reads the handlers' annotations as objects, and it is imported
# only where the page is built, so as names they could not be resolved.

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from index.errors import QuothError
from rag.types import Citation, Turn
from ui.access.person import EVERYONE, Person, person_of
from ui.http.rate_limit import Later
from ui.http.request_log import request_id
from ui.page.gradio_guard import only_listeners
from ui.page.markup import shown
from ui.page.render import VERDICTS, Exchange, citation_at, conversation_html, examples_of, turns_of, welcome_html
from ui.page.source import View, source_html, view_of
from ui.service import said

if TYPE_CHECKING:
    import gradio

    from index.corpus import Corpus
    from ui.service import Service

Conversation = tuple[Exchange, ...]

_EXAMPLES_FROM = 100
"""How many documents are looked through for examples."""

_BROKEN = "Something went wrong while this was being answered. The server's log says what."
_LATER = "Too much is being asked just now. Ask again in {seconds} seconds."
_FULL = "Too much is being asked just now. Ask again in a moment."
_OPENING = "The documents are being opened."
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
    # what only cancels others has nothing here that could be asked
    app.add_middleware(only_listeners, functions={id: len(one.inputs) for id, one in blocks.fns.items() if one.fn})
    return app


def _blocks(service: "Service") -> "gradio.Blocks":
    import gradio as gr

    def corpus_of(request: gr.Request) -> "Corpus":
        return service.seen_by(_person(request)).corpus

    def readable_ids(request: gr.Request) -> frozenset[str]:
        return frozenset(id for id, _ in _titles(corpus_of(request)))

    def readable(conversation: Conversation, request: gr.Request) -> Conversation:
        """What was said, but for what shows documents that may no longer be read."""
        shown = [one for one in conversation if one.documents]
        ids = readable_ids(request) if shown else frozenset()
        return tuple(one for one in conversation if one.documents <= ids)

    def spoken(conversation: Conversation, exchange: Exchange) -> tuple[Conversation, str]:
        conversation = (*conversation, exchange)
        return conversation, conversation_html(conversation)

    async def answered(
        sent: object, conversation: Conversation, history: tuple[Turn, ...], request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        question = _text(sent)
        if not question.strip():
            yield gr.skip(), gr.skip(), gr.skip()
            return
        yield "", *spoken(conversation, Exchange(question))
        person = _person(request)
        try:
            given = await service.ask(person, question, history, caller=_caller(request))
            exchange = Exchange(question, given.answer, given=given.id if service.takes_feedback(person) else "")
        except QuothError as error:
            exchange = Exchange(question, problem=said(error))
        except Later as error:
            exchange = Exchange(question, problem=_LATER.format(seconds=error.retry_after))
        yield gr.skip(), *spoken(conversation, exchange)

    async def ask(question: object, conversation: Conversation, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        conversation = readable(conversation, request)
        async for drawn in answered(question, conversation, turns_of(conversation), request):
            yield drawn

    async def ask_alone(
        conversation: Conversation, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        # an example begins a conversation, and a form that is searched for again says itself all that it is to mean
        conversation = readable(conversation, request)
        async for drawn in answered(_detail(event, "question"), conversation, (), request):
            yield drawn

    async def judge(conversation: Conversation, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        verdict, person = _detail(event, "verdict"), _person(request)
        conversation = readable(conversation, request)
        judged = next((one for one in conversation if one.id == _detail(event, "turn") and one.given), None)
        if judged is None or verdict not in VERDICTS or not service.takes_feedback(person):
            return gr.skip(), gr.skip()
        try:
            kept = await service.feedback(person, judged.given, verdict, "", caller=_caller(request))
        except QuothError as error:
            raise gr.Error(said(error)) from error
        except Later as error:
            raise gr.Error(_LATER.format(seconds=error.retry_after)) from error
        if not kept:
            return gr.skip(), gr.skip()
        conversation = tuple(replace(one, verdict=verdict) if one is judged else one for one in conversation)
        return conversation, conversation_html(conversation)

    def broken(conversation: Conversation, request: gr.Request) -> tuple[Conversation, str]:
        conversation = readable(conversation, request)
        if conversation and conversation[-1].pending:
            return spoken(conversation[:-1], Exchange(conversation[-1].question, problem=_BROKEN))
        # it did not even begin, and where it was typed it stands still
        before = conversation_html(conversation) or _welcome(corpus_of(request))
        return conversation, f'{before}<p class="problem">{shown(_FULL)}</p>'

    def sheet(opened: View | None) -> tuple[View | None, str]:
        return opened, source_html(opened)

    def still_read(opened: View | None, request: gr.Request) -> View | None:
        """What is opened, if it may be read by now."""
        return opened if opened and opened.document.id in readable_ids(request) else None

    def opened_at(request: gr.Request, id: str | None, *cited: Any) -> tuple[View | None, str]:
        """The document, or what is cited of it, opened: that is written down. Who pages on in it reads the same one."""
        if id is None:
            return sheet(None)
        person, caller = _person(request), _caller(request)
        try:
            return sheet(service.see(person, id, lambda answerer: _view(answerer.corpus, id, *cited), caller=caller))
        except Later as error:
            return None, source_html(None, _LATER.format(seconds=error.retry_after))
        except KeyError:
            return None, source_html(None, _FORGOTTEN)
        except QuothError as error:
            return None, source_html(None, said(error))

    def open_citation(conversation: Conversation, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        turn = _detail(event, "turn")
        citation = citation_at(conversation, turn, _detail(event, "number"))
        if citation is None:
            return gr.skip(), source_html(None, _FORGOTTEN), gr.skip()
        id = citation.excerpt.document.id
        view, drawn = opened_at(request, id, citation, turn)
        ids = [id for id, _ in _titles(corpus_of(request))]
        return view, drawn, str(ids.index(id)) if view else gr.skip()

    def open_document(place: object, request: gr.Request) -> tuple[Any, ...]:
        ids = {str(place): id for place, (id, _) in enumerate(_titles(corpus_of(request)))}
        id = ids.get(_text(place))
        return opened_at(request, id) if id else (gr.skip(), source_html(None, _FORGOTTEN))

    def earlier(opened: View | None, request: gr.Request) -> tuple[View | None, str]:
        opened = still_read(opened, request)
        return sheet(opened and opened.earlier())

    def later(opened: View | None, request: gr.Request) -> tuple[View | None, str]:
        opened = still_read(opened, request)
        if opened is None:
            opened, drawn = opened_at(request, _first(corpus_of(request)))
            if opened is None:
                return None, drawn
        return sheet(opened.later())

    def afresh(opened: View | None, request: gr.Request) -> tuple[Any, ...]:
        corpus, opened = corpus_of(request), still_read(opened, request)
        id = opened.document.id if opened else _first(corpus)
        return "", (), _welcome(corpus), *opened_at(request, id)

    def arrive(request: gr.Request) -> tuple[Any, ...]:
        """What the page does not show by itself: to one who may read more than everyone, what they may; and, where it
        is written down who reads what, the document that it opens with."""
        corpus = corpus_of(request)
        if not (more := _titles(corpus) != _titles(shared)) and not service.audited:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        first = opened_at(request, _first(corpus))
        return (_welcome(corpus), _picker(gr, corpus), *first) if more else (gr.skip(), gr.skip(), *first)

    # what everyone may read is written into the page, which is one for all
    shared = service.seen_by(EVERYONE).corpus
    first = _first(shared)
    # but a document only where it is not written down who reads it
    at_first = source_html(None, _OPENING) if service.audited else source_html(_view(shared, first) if first else None)
    blocks = gr.Blocks(title="quoth", analytics_enabled=False, fill_width=True)
    with blocks:
        conversation = gr.State(())
        opened = gr.State()
        header = _html(gr, _HEADER, "masthead", "fresh")
        with gr.Row(elem_id="desk"):
            with gr.Column(elem_id="chat"):
                log = _html(gr, _welcome(shared), "log", "cite", "example", "again", "judge")
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
                source = _html(gr, at_first, "sheet", "earlier", "later")

        talk = [question, conversation, log]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        # as many at once as there are: whose turn it is, and how many wait, is the service's to say, for all ways in
        asking: dict[str, Any] = {"concurrency_limit": None, **quiet}
        # page.js asks nothing while an answer is awaited; but gradio takes a moment after it has drawn one, and what
        # is typed in that moment is then asked
        typed = gr.on(
            [question.submit, button.click], ask, [question, conversation], talk, trigger_mode="always_last", **asking
        )
        clicked = [
            event(ask_alone, conversation, talk, trigger_mode="once", **asking) for event in (log.example, log.again)
        ]
        for event in (typed, *clicked):
            event.failure(broken, conversation, [conversation, log], queue=False, **quiet)
        log.judge(judge, conversation, [conversation, log], queue=False, **quiet)
        log.cite(open_citation, conversation, [opened, source, picker], queue=False, **quiet)
        # as it was sent: gradio knows only the choices that it wrote into the page, and fails at others
        picker.input(open_document, picker, [opened, source], queue=False, preprocess=False, **quiet)
        source.earlier(earlier, opened, [opened, source], queue=False, **quiet)
        source.later(later, opened, [opened, source], queue=False, **quiet)
        blocks.load(arrive, None, [log, picker, opened, source], queue=False, **quiet)
        header.fresh(afresh, opened, [*talk, opened, source], queue=False, cancels=[typed, *clicked], **quiet)
    # gradio hands on at once what it queues, as long as fewer than 40 are being asked; so it need hold no more than
    # came in one moment, and what the service would turn away anyway it need not take
    blocks.queue(max_size=service.most)
    return blocks


def _person(request: "gradio.Request") -> Person:
    """Who asks, whose request is from here on the one that is being answered."""
    # gradio makes one without a request only where no browser asks
    assert request.request is not None
    scope = request.request.scope
    # gradio's queue answers in a task of its own, which knows nothing of the request that it answers
    request_id.set(scope["state"].get("request_id"))
    return person_of(scope)


def _caller(request: "gradio.Request") -> str:
    return request.client.host if request.client else ""


def _text(sent: object) -> str:
    """What a browser sent for a text; where that is something else, or nothing, it is empty and finds nothing."""
    return sent if isinstance(sent, str) else ""


def _detail(event: "gradio.EventData", name: str) -> str:
    # the attributes that gradio makes of it are not there where it was not sent, and fail where nothing was
    sent = event._data
    return _text(sent.get(name)) if isinstance(sent, dict) else ""


def _titles(corpus: "Corpus") -> list[tuple[str, str]]:
    return [(title.id, title.title) for title in corpus.titles(limit=corpus.counts.documents)]


def _welcome(corpus: "Corpus") -> str:
    titles = _titles(corpus)
    examples = examples_of(corpus.document(id) for id, _ in islice(titles, _EXAMPLES_FROM))
    return welcome_html(examples, one=len(titles) == 1)


def _view(corpus: "Corpus", id: str, citation: Citation | None = None, turn: str = "") -> View:
    return view_of(corpus.document(id), corpus.sentences(id), citation, turn)


def _first(corpus: "Corpus") -> str | None:
    """The id of the document that the page opens with."""
    titles = _titles(corpus)
    return titles[0][0] if titles else None


def _picker(gr: Any, corpus: "Corpus") -> Any:
    """A document is its place in the picker: all of them are written into the page, and an id is long."""
    titles = _titles(corpus)
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
