"""The conversation on the page: the state that the server keeps, and its HTML."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

from index.corpus import Corpus
from index.types import Span
from rag.likelihood import in_words
from rag.types import Answer, Citation, Turn
from ui.page.markup import WORDS, escaped, isolated, marked, problem_html
from ui.service import Opinion


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote that the page shows. It holds plain values, so it stays valid if the corpus changes."""

    number: int
    document: str
    """The document's id."""
    span: Span
    """The quote, in the document's offsets."""
    words: Span
    """The words in it that answer, in the document's offsets."""
    place: str
    """The place in the document, as HTML."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, and what was replied to it."""

    question: str
    reply: str = ""
    """As HTML; empty while the question is being answered."""
    turn: Turn | None = None
    """The turn that the next question may refer to; None if the question failed or is still being answered."""
    quotes: tuple[Quote, ...] = ()
    documents: frozenset[str] = frozenset()
    """The ids of all documents whose text or title the reply shows."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Unique across all conversations, so that quotes of different conversations are not confused."""
    answer_id: str = ""
    """The answer's id, which feedback refers to; empty if no feedback is taken."""
    opinion: Opinion | None = None
    """The person's feedback."""


Conversation = tuple[Exchange, ...]


def failed(question: str, problem: str) -> Exchange:
    return Exchange(question, problem_html(problem))


def answered(question: str, answer: Answer, corpus: Corpus, answer_id: str = "") -> Exchange:
    """The exchange for `answer`, which came from `corpus`."""
    id = uuid.uuid4().hex
    citations = answer.citations or answer.closest
    searched_in = [corpus.document(document_id) for document_id in answer.judgements[0].form.documents]
    return Exchange(
        question,
        _reply(id, answer, [document.title for document in searched_in]),
        Turn(question, shown=tuple(citation.excerpt.place for citation in answer.citations)),
        tuple(Quote(c.number, c.excerpt.document.id, c.excerpt.span, c.highlight, _place(c)) for c in citations),
        frozenset(document.id for document in (*searched_in, *(c.excerpt.document for c in citations))),
        id,
        answer_id,
    )


def find_quote(conversation: Conversation, exchange_id: str, number: str) -> Quote | None:
    """The quote with this number, a string from the page, in the exchange with this id; None if there is none."""
    quotes = [quote for exchange in conversation if exchange.id == exchange_id for quote in exchange.quotes]
    return next((quote for quote in quotes if str(quote.number) == number), None)


def conversation_html(conversation: Sequence[Exchange]) -> str:
    """The whole conversation, oldest question first."""
    return "".join(
        '<article class="exchange">'
        '<h2 class="question" dir="auto"><span class="hidden-words" dir="ltr">You asked: </span>'
        f"{escaped(exchange.question)}</h2>"
        f"{exchange.reply or _PENDING}{_feedback(exchange)}</article>"
        for exchange in conversation
    )


_PENDING = '<p class="pending">Looking through the documents…</p>'


def _feedback(exchange: Exchange) -> str:
    """The buttons for feedback; nothing if none is taken."""
    if not exchange.answer_id:
        return ""
    buttons = "".join(
        f'<button type="button" data-event="judge" data-turn="{exchange.id}" data-verdict="{opinion}"'
        f' aria-pressed="{str(exchange.opinion == opinion).lower()}">{word}</button>'
        for opinion, word in zip(get_args(Opinion), ("Yes", "No"), strict=True)
    )
    thanks = "<span>Thank you.</span>" if exchange.opinion else ""
    return (
        '<div class="judged" role="group" aria-label="Was this helpful?"><span>Was this helpful?</span>'
        f"{buttons}{thanks}</div>"
    )


def _reply(id: str, answer: Answer, searched_in: Sequence[str]) -> str:
    if answer.status == "answered":
        status = (
            '<p class="confidence"><span class="hidden-words">Does this answer the question? </span>'
            f"{in_words(answer.confidence)}</p>"
        )
        quotes = "".join(_quote(id, citation, answering=True) for citation in answer.citations)
    else:
        status = '<p class="unanswered">The documents do not answer this.</p>'
        closest = "".join(_quote(id, citation, answering=False) for citation in answer.closest)
        quotes = closest and f'<div class="closest"><h3>Closest passages (not answers)</h3>{closest}</div>'
    return f'<div class="reply">{status}{_searched_for(id, answer, searched_in)}{quotes}</div>'


def _searched_for(id: str, answer: Answer, searched_in: Sequence[str]) -> str:
    """A box with the form that was searched for, to edit it and ask it alone. Empty if the form is the question."""
    form = answer.searched_for[0]
    if form == " ".join(answer.question.split()):
        return ""
    titles = ", ".join(map(isolated, searched_in))
    return (
        f'<p class="searched"><label for="searched-{id}">Searched for{f" in {titles}" if titles else ""}</label>'
        f'<textarea id="searched-{id}" rows="1" dir="auto" autocomplete="off">{escaped(form)}</textarea>'
        '<button type="button" data-event="again">Ask this'
        '<span class="hidden-words"> instead, on its own</span></button></p>'
    )


def _quote(id: str, citation: Citation, *, answering: bool) -> str:
    excerpt = citation.excerpt
    marks = [(citation.highlight, WORDS)] if answering else []
    return (
        f'<figure class="{"quote" if answering else "near"}">'
        f'<blockquote dir="auto">{marked(excerpt.text, excerpt.span.start, *marks)}</blockquote>'
        f'<figcaption><button type="button" class="cite" data-event="cite" data-turn="{id}"'
        f' data-number="{citation.number}"><span class="number">[{citation.number}]</span> <span class="place">'
        f'<span class="title">{isolated(excerpt.document.title)}</span>, {_place(citation)}</span>'
        "</button></figcaption></figure>"
    )


def _place(citation: Citation) -> str:
    under = f"under “{isolated(citation.heading)}”, " if citation.heading else ""
    return f"{under}paragraph {citation.paragraph}"
