"""The handlers of the page's events: what the server does when something is clicked or typed."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

import gradio as gr
from anyio import to_thread

from index.corpus import Corpus
from index.errors import QuothError
from rag.types import Answer
from ui.access.person import EVERYONE, Person, person_of
from ui.http.rate_limit import Later
from ui.http.request_log import request_id
from ui.page.conversation import Conversation, Exchange, Quote, answered, find_quote
from ui.page.markup import templates
from ui.page.source import NO_DOCUMENTS, Opened, open_more, open_source
from ui.page.start import TITLES, Start, start_of, titles_html
from ui.service import Opinion, Service, public_message

T = TypeVar("T")
Drawn = tuple[Any, ...]
"""New values for the outputs of an event, in their order."""

_LONGEST_SENT = 200
"""Characters of a document's id, and of the words of a title."""
_BROKEN = "Something went wrong while this was being answered. The server's log says what."
_BUSY = "Too much is being asked just now. Ask again in {seconds} seconds."
_FULL = "Too much is being asked just now. Ask again in a moment."
_FORGOTTEN = "The server no longer holds this conversation. Ask the question again to open its source."
_GONE = "There is no such document, or it is not for you."


class Events:
    """Handles events for the person who sent them.

    Only worker threads touch the corpus, because the event loop must be free to serve others.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.corpus = service.seen_by(EVERYONE).corpus
        self.start = start_of(self.corpus)
        """The start for everyone, which the page contains."""

    async def arrive(self, request: gr.Request) -> Drawn:
        """Draws what the page does not contain: what only this person may see, and documents if reads are audited."""
        start = await self._look_up(request, self._start_of)
        if start == self.start and not self._service.audit:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        return start.welcome, start.finder, *await self._open(request, start.document)

    async def ask(self, sent: object, conversation: Conversation, request: gr.Request) -> AsyncIterator[Drawn]:
        """Asks the typed question, which may refer to the conversation."""
        async for drawn in self._answer(_text(sent), conversation, request, alone=False):
            yield drawn

    async def ask_alone(
        self, conversation: Conversation, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[Drawn]:
        """Asks an example or a corrected form, which does not refer to the conversation."""
        async for drawn in self._answer(_detail(event, "question"), conversation, request, alone=True):
            yield drawn

    async def _answer(
        self, question: str, conversation: Conversation, request: gr.Request, *, alone: bool
    ) -> AsyncIterator[Drawn]:
        if not question.strip():
            yield gr.skip(), gr.skip(), gr.skip()
            return
        conversation = await self._readable(conversation, request)
        yield "", *_with(conversation, Exchange(question))
        person = _sender(request)
        history = [] if alone else [exchange.turn for exchange in conversation if exchange.turn]

        def draw(id: str, answer: Answer, corpus: Corpus) -> Exchange:
            return answered(question, answer, corpus, id if self._service.takes_feedback(person) else "")

        try:
            exchange = await self._service.ask(person, question, history, draw)
        except (QuothError, Later) as error:
            exchange = Exchange(question, templates.problem(_message(error)))
        yield gr.skip(), *_with(conversation, exchange)

    async def give_feedback(self, conversation: Conversation, event: gr.EventData, request: gr.Request) -> Drawn:
        turn, opinion = _detail(event, "turn"), cast(Opinion, _detail(event, "verdict"))
        conversation = await self._readable(conversation, request)
        judged = next((exchange for exchange in conversation if exchange.answer_id and exchange.id == turn), None)
        if judged is None or opinion not in ("up", "down"):
            return gr.skip(), gr.skip()
        try:
            kept = await self._service.feedback(_sender(request), judged.answer_id, opinion, "")
        except (QuothError, Later) as error:
            raise gr.Error(_message(error)) from error
        if not kept:
            return gr.skip(), gr.skip()
        conversation = tuple(replace(one, opinion=opinion) if one is judged else one for one in conversation)
        return conversation, templates.conversation(conversation)

    async def show_failure(self, conversation: Conversation, request: gr.Request) -> Drawn:
        """Shows in the conversation that a question failed or was refused."""
        conversation = await self._readable(conversation, request)
        if conversation and not conversation[-1].reply:
            return _with(conversation[:-1], Exchange(conversation[-1].question, templates.problem(_BROKEN)))
        # The question was refused. If it was typed, it is still in its box.
        before = templates.conversation(conversation) or (await self._look_up(request, self._start_of)).welcome
        return conversation, before + templates.problem(_FULL)

    async def start_afresh(self, opened: Opened | None, request: gr.Request) -> Drawn:
        """Empties the conversation, and shows the opened document from its start."""

        def look_up(corpus: Corpus) -> Start:
            start = self._start_of(corpus)
            return start._replace(document=opened.document) if opened and _holds(corpus, opened.document) else start

        start = await self._look_up(request, look_up)
        return "", (), start.welcome, *await self._open(request, start.document)

    async def find_titles(self, event: gr.EventData, request: gr.Request) -> str:
        """Lists titles. This counts as a read, but it is not audited: it happens with every letter that is typed."""
        words, after = _detail(event, "words")[:_LONGEST_SENT], _detail(event, "after")
        try:
            self._service.count_read(_sender(request))
            return titles_html(await self._look_up(request, lambda corpus: corpus.titles(words, after, TITLES + 1)))
        except (QuothError, Later) as error:
            return titles_html((), _message(error))

    async def open_document(self, event: gr.EventData, request: gr.Request) -> Drawn:
        id = _detail(event, "document")
        return await self._open(request, id) if 0 < len(id) <= _LONGEST_SENT else (None, templates.no_source(_GONE))

    async def open_citation(self, conversation: Conversation, event: gr.EventData, request: gr.Request) -> Drawn:
        turn = _detail(event, "turn")
        quote = find_quote(conversation, turn, _detail(event, "number"))
        return (
            await self._open(request, quote.document, quote, turn) if quote else (None, templates.no_source(_FORGOTTEN))
        )

    async def show_more(self, opened: Opened | None, event: gr.EventData, request: gr.Request) -> Drawn:
        """Shows earlier or later text of the opened document."""
        if opened is None:
            # The server has forgotten this tab, so it begins again.
            return await self._open(request, (await self._look_up(request, self._start_of)).document)
        earlier = _detail(event, "way") == "earlier"
        try:
            return await self._look_up(request, lambda corpus: open_more(corpus, opened, earlier=earlier))
        except KeyError:
            return None, templates.no_source(_GONE)

    async def _open(self, request: gr.Request, id: str | None, quote: Quote | None = None, turn: str = "") -> Drawn:
        """Opens a document. This is counted and audited; showing more of it is not."""
        if id is None:
            return None, templates.no_source(NO_DOCUMENTS)
        person = _sender(request)
        try:
            return await self._service.read(person, id, lambda answerer: open_source(answerer.corpus, id, quote, turn))
        except KeyError:
            return None, templates.no_source(_GONE)
        except (QuothError, Later) as error:
            return None, templates.no_source(_message(error))

    async def _readable(self, conversation: Conversation, request: gr.Request) -> Conversation:
        """The conversation without the exchanges that show a document which the person may no longer read."""

        def look_up(corpus: Corpus) -> Conversation:
            return tuple(one for one in conversation if all(_holds(corpus, id) for id in one.documents))

        return await self._look_up(request, look_up) if conversation else ()

    def _start_of(self, corpus: Corpus) -> Start:
        return self.start if corpus is self.corpus else start_of(corpus)

    async def _look_up(self, request: gr.Request, work: Callable[[Corpus], T]) -> T:
        """Runs `work` in a worker thread, over what the person may read; it is neither counted nor audited."""
        person = _sender(request)
        return await to_thread.run_sync(lambda: work(self._service.seen_by(person).corpus))


def _holds(corpus: Corpus, id: str) -> bool:
    try:
        corpus.document(id)
    except KeyError:
        return False
    return True


def _with(conversation: Conversation, exchange: Exchange) -> tuple[Conversation, str]:
    conversation = (*conversation, exchange)
    return conversation, templates.conversation(conversation)


def _message(error: QuothError | Later) -> str:
    return _BUSY.format(seconds=error.retry_after) if isinstance(error, Later) else public_message(error)


def _sender(request: gr.Request) -> Person:
    """The person who sent the request. From here on, the log names their request."""
    # gradio makes a Request without one only if no browser sent it.
    assert request.request is not None
    scope = request.request.scope
    # gradio's queue works in another task, which does not know the request.
    request_id.set(scope["state"].get("request_id"))
    return person_of(scope)


def _text(sent: object) -> str:
    """A text that a browser sent; empty if it sent something else."""
    return sent if isinstance(sent, str) else ""


def _detail(event: gr.EventData, name: str) -> str:
    # gr.EventData's attributes fail if the browser sent no data.
    data = event._data
    return _text(data.get(name)) if isinstance(data, dict) else ""
