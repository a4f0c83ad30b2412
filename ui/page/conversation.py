"""The conversation on the page: the state that the server keeps, and how an answer becomes a part of it."""

import uuid
from dataclasses import dataclass, field

from index.corpus import Corpus
from index.types import Span
from rag.types import Answer, Turn
from ui.page.markup import templates
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


def answered(question: str, answer: Answer, corpus: Corpus, answer_id: str = "") -> Exchange:
    """The exchange for `answer`, which came from `corpus`."""
    id = uuid.uuid4().hex
    citations = answer.citations or answer.closest
    searched_in = [corpus.document(document_id) for document_id in answer.judgements[0].form.documents]
    form = answer.searched_for[0]
    form = "" if form == " ".join(answer.question.split()) else form
    return Exchange(
        question,
        templates.reply(id, answer, form, [document.title for document in searched_in]),
        Turn(question, shown=tuple(citation.excerpt.place for citation in answer.citations)),
        tuple(
            Quote(c.number, c.excerpt.document.id, c.excerpt.span, c.highlight, templates.place(c)) for c in citations
        ),
        frozenset(document.id for document in (*searched_in, *(c.excerpt.document for c in citations))),
        id,
        answer_id,
    )


def find_quote(conversation: Conversation, exchange_id: str, number: str) -> Quote | None:
    """The quote with this number, a string from the page, in the exchange with this id; None if there is none."""
    quotes = [quote for exchange in conversation if exchange.id == exchange_id for quote in exchange.quotes]
    return next((quote for quote in quotes if str(quote.number) == number), None)
