"""The conversation as HTML: the questions, and the excerpts that answer them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from index.types import Document
from rag.types import Answer, Citation, Turn
from ui.page.markup import shown, with_words

EXAMPLES = 6
"""How many questions a newcomer is shown."""

_OPENS, _ENDS = ("\u2066", "\u2067", "\u2068"), "\u2069"
"""Unicode's isolates: what begins one, from left to right, from right to left or as its text goes, and what ends it."""
_PARAGRAPH = "\u2029"

_LIKELIHOODS = ((0.9, "Very likely"), (0.65, "Likely"), (0.4, "Possibly"), (0.0, "Uncertain"))


Verdict = Literal["up", "down"]
VERDICTS: tuple[Verdict, ...] = ("up", "down")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question of a conversation, and its answer or why there is none; neither while it is being answered."""

    question: str
    answer: Answer | None = None
    problem: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Of its own in every conversation, lest the source opened in one be taken for that of another."""
    given: str = ""
    """By which feedback names the answer; empty where none is taken."""
    verdict: Verdict | None = None
    """What the person said of the answer."""

    @property
    def pending(self) -> bool:
        return self.answer is None and not self.problem

    @property
    def documents(self) -> frozenset[str]:
        """The ids of those that it shows something of."""
        shown = (*self.answer.citations, *self.answer.closest) if self.answer else ()
        return frozenset(citation.excerpt.document.id for citation in shown)


def turns_of(conversation: Sequence[Exchange]) -> tuple[Turn, ...]:
    """What was said so far, for the next question to refer to. What failed was not said."""
    return tuple(
        Turn(exchange.question, shown=tuple(citation.excerpt.place for citation in exchange.answer.citations))
        for exchange in conversation
        if exchange.answer is not None
    )


def citation_at(conversation: Sequence[Exchange], turn: str, number: str) -> Citation | None:
    """The citation with this number in the exchange of this id, as the page wrote them; None if it was not shown."""
    for exchange in conversation:
        if exchange.id == turn and exchange.answer is not None:
            for citation in (*exchange.answer.citations, *exchange.answer.closest):
                if str(citation.number) == number:
                    return citation
    return None


def confidence_in_words(confidence: float) -> str:
    """The calibrated probability of what was answered, as people say it: Likely (82%)."""
    words = next(words for least, words in _LIKELIHOODS if confidence >= least)
    percent = round(confidence * 100)
    # A probability that is only estimated is never certain.
    return f"{words} ({'over 99' if percent > 99 else 'under 1' if percent < 1 else percent}%)"


def conversation_html(conversation: Sequence[Exchange]) -> str:
    """The whole conversation, oldest first."""
    return "".join(map(_exchange, conversation))


def examples_of(documents: Iterable[Document]) -> list[str]:
    """Questions to show a newcomer: the first few, none twice; no more documents are read than that takes."""
    found: dict[str, None] = {}
    for question in chain.from_iterable(document.examples for document in documents):
        found[question] = None
        if len(found) == EXAMPLES:
            break
    return list(found)


def welcome_html(examples: Sequence[str], *, one: bool) -> str:
    """What a newcomer sees: these questions, of one document or of several."""
    examples = "".join(
        f'<li><button type="button" class="example" dir="auto" data-event="example">{shown(question)}</button></li>'
        for question in examples
    )
    return (
        '<section class="welcome">'
        f"<h2>Ask, and the {'document answers in its' if one else 'documents answer in their'} own words.</h2>"
        "<p>Every answer is a quotation. Its number opens the source at that very place. "
        f"Where the {'document does' if one else 'documents do'} not answer, quoth says so.</p>"
        + (f'<h3>Try one of these</h3><ul class="examples">{examples}</ul>' if examples else "")
        + "</section>"
    )


def _exchange(exchange: Exchange) -> str:
    if exchange.problem:
        reply = f'<p class="problem">{shown(exchange.problem)}</p>'
    elif exchange.answer is None:
        reply = '<p class="pending">Looking through the documents…</p>'
    elif exchange.answer.status == "answered":
        reply = _answered(exchange.id, exchange.answer) + _judged(exchange)
    else:
        reply = _unanswered(exchange.id, exchange.answer) + _judged(exchange)
    return (
        '<article class="exchange">'
        '<h2 class="question" dir="auto"><span class="hidden-words" dir="ltr">You asked: </span>'
        f"{shown(exchange.question)}</h2>"
        f"{reply}</article>"
    )


def _answered(turn: str, answer: Answer) -> str:
    quotes = "".join(_quote(turn, citation, answering=True) for citation in answer.citations)
    return (
        '<div class="reply"><p class="confidence"><span class="hidden-words">Does this answer the question? </span>'
        f"{confidence_in_words(answer.confidence)}</p>{_searched_for(turn, answer)}{quotes}</div>"
    )


def _unanswered(turn: str, answer: Answer) -> str:
    quotes = "".join(_quote(turn, citation, answering=False) for citation in answer.closest)
    closest = f'<div class="closest"><h3>Closest passages (not answers)</h3>{quotes}</div>' if quotes else ""
    return (
        '<div class="reply"><p class="unanswered">The documents do not answer this.</p>'
        f"{_searched_for(turn, answer)}{closest}</div>"
    )


def _judged(exchange: Exchange) -> str:
    """Where a person says whether this helped; nothing where that is not kept."""
    if not exchange.given:
        return ""
    buttons = "".join(
        f'<button type="button" data-event="judge" data-turn="{exchange.id}" data-verdict="{verdict}"'
        f' aria-pressed="{str(exchange.verdict == verdict).lower()}">{word}</button>'
        for verdict, word in zip(VERDICTS, ("Yes", "No"), strict=True)
    )
    thanks = "<span>Thank you.</span>" if exchange.verdict else ""
    return (
        '<div class="judged" role="group" aria-label="Was this helpful?"><span>Was this helpful?</span>'
        f"{buttons}{thanks}</div>"
    )


def _searched_for(turn: str, answer: Answer) -> str:
    """What was searched for, to be corrected and asked as it then stands; nothing where it is what was asked."""
    form = answer.searched_for[0]
    if form == " ".join(answer.question.split()):
        return ""
    within = set(answer.judgements[0].form.documents)
    titles = ", ".join(
        dict.fromkeys(
            isolated(hit.passage.document.title) for hit in answer.retrieved if hit.passage.document.id in within
        )
    )
    return (
        f'<p class="searched"><label for="searched-{turn}">Searched for{f" in {titles}" if titles else ""}</label>'
        f'<input type="text" id="searched-{turn}" dir="auto" autocomplete="off" value="{shown(form)}">'
        '<button type="button" data-event="again">Ask this'
        '<span class="hidden-words"> instead, on its own</span></button></p>'
    )


def _quote(turn: str, citation: Citation, *, answering: bool) -> str:
    excerpt = citation.excerpt
    document = excerpt.document
    text = with_words(document, excerpt.span, citation.highlight) if answering else shown(excerpt.text)
    return (
        f'<figure class="{"quote" if answering else "near"}">'
        f'<blockquote dir="auto">{text}</blockquote>'
        '<figcaption><button type="button" class="cite" data-event="cite"'
        f' data-turn="{turn}" data-number="{citation.number}">'
        f'<span class="number">[{citation.number}]</span> <span class="place">'
        f'<span class="title">{isolated(document.title)}</span>, {place_of(citation)}</span>'
        "</button></figcaption></figure>"
    )


def place_of(citation: Citation) -> str:
    """Where in its document a citation stands, as HTML."""
    under = f"under “{isolated(citation.heading)}”, " if citation.heading else ""
    return f"{under}paragraph {citation.paragraph}"


def isolated(text: str) -> str:
    """`text` as HTML in a direction of its own: however it turns, what stands after it does not."""
    # A browser ends a <bdi> by the sign that ends an isolate, which an isolate that the text leaves open would take for
    # its own; by the same sign a text would end the <bdi>, and a new paragraph ends all that was begun.
    opened = ended = 0
    for character in text:
        if character in _OPENS:
            opened += 1
        elif character == _ENDS and opened:
            opened -= 1
        elif character == _ENDS:
            ended += 1
    return f"<bdi>{_OPENS[2] * ended}{shown(text.replace(_PARAGRAPH, ' '))}{_ENDS * opened}</bdi>"
