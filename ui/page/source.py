"""The source panel as HTML: a document, or the part of it around a quote, with the quote marked."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from index.corpus import Corpus
from index.types import Document, Sentence, Span
from ui.page.conversation import Quote
from ui.page.markup import EXCERPT, WORDS, escaped, isolated, marked, problem_html

WINDOW = 40_000
"""Characters shown around a quote, and added by each "Show more": much to read, but quick to draw."""

LONGEST_BLOCK = 8_000
"""Characters. A longer paragraph is drawn in pieces, so that a text without paragraphs can be shown in part too."""

NO_DOCUMENTS = "There are no documents yet."


@dataclass(frozen=True, slots=True)
class Block:
    """A heading or a paragraph, or a piece of a very long one, with the blanks that follow it."""

    span: Span
    paragraph: int
    heading: bool
    continued: bool = False
    """Whether it continues the paragraph of the block before it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The part of a document that the panel shows: its blocks [first, last), and the quote that was opened, if any."""

    document: str
    """The document's id."""
    first: int
    last: int
    quote: Quote | None = None
    exchange: str = ""
    """The id of the quote's exchange."""


def open_source(corpus: Corpus, id: str, quote: Quote | None = None, exchange: str = "") -> tuple[Opened, str]:
    """The document from its start, or around `quote`, and its HTML. Raises KeyError if the corpus does not hold it."""
    blocks = blocks_of(corpus.sentences(id))
    quoted = [index for index, block in enumerate(blocks) if quote and block.span.overlaps(quote.span)] or [0, -1]
    first, last = _moved(blocks, quoted[0], -1), _moved(blocks, quoted[-1] + 1, +1)
    opened = Opened(id, first, last, quote, exchange)
    return opened, source_html(opened, corpus.document(id), blocks)


def open_more(corpus: Corpus, opened: Opened, *, earlier: bool) -> tuple[Opened, str]:
    """The same view with earlier or later text. Raises KeyError if the corpus no longer has the document."""
    blocks = blocks_of(corpus.sentences(opened.document))
    if earlier:
        opened = replace(opened, first=_moved(blocks, opened.first, -1))
    else:
        opened = replace(opened, last=_moved(blocks, opened.last, +1))
    return opened, source_html(opened, corpus.document(opened.document), blocks)


def blocks_of(sentences: Sequence[Sentence]) -> list[Block]:
    """Groups the sentences into headings and paragraphs, which cover the same text."""
    blocks: list[Block] = []
    for sentence in sentences:
        last = blocks[-1] if blocks else Block(Span(0, 0), paragraph=0, heading=True)
        goes_on = not (last.heading or sentence.heading) and last.paragraph == sentence.paragraph
        if goes_on and sentence.span.end - last.span.start <= LONGEST_BLOCK:
            blocks[-1] = replace(last, span=Span(last.span.start, sentence.span.end))
        else:
            blocks.append(Block(sentence.span, sentence.paragraph, sentence.heading, continued=goes_on))
    return blocks


def _moved(blocks: Sequence[Block], edge: int, step: Literal[-1, 1]) -> int:
    """`edge` moved by as many blocks as hold about WINDOW characters."""
    room = WINDOW
    while room > 0 and 0 <= (edge - 1 if step < 0 else edge) < len(blocks):
        room -= len(blocks[edge - 1 if step < 0 else edge].span)
        edge += step
    return edge


def no_source_html(problem: str) -> str:
    """The panel if nothing can be shown in it, with the problem in words."""
    return f'<div class="bar">{_BACK}</div>{problem_html(problem)}'


def source_html(opened: Opened, document: Document, blocks: Sequence[Block]) -> str:
    quote = opened.quote
    number = str(quote.number) if quote else ""
    cited = f'<p class="opened">Citation <span class="number">[{number}]</span>, {quote.place}</p>' if quote else ""
    text = "".join(_block(document, block, quote) for block in blocks[opened.first : opened.last])
    return (
        f'<div class="bar">{_BACK}{cited}</div>'
        f'<div class="paper" data-document="{escaped(document.id)}"'
        f' data-turn="{opened.exchange}" data-number="{number}">'
        f'<header><h2 dir="auto">{escaped(document.title)}</h2><p class="about">{_about(document)}</p></header>'
        f"{_more('earlier') if opened.first > 0 else ''}"
        f'<div class="text" lang="{escaped(document.language)}">{text}</div>'
        f"{_more('later') if opened.last < len(blocks) else ''}"
        "</div>"
    )


_BACK = (
    '<button type="button" class="back" data-back><span aria-hidden="true">←</span> Back to the conversation</button>'
)


def _more(way: Literal["earlier", "later"]) -> str:
    return f'<button type="button" class="more" data-event="more" data-way="{way}">Show {way} text</button>'


def _block(document: Document, block: Block, quote: Quote | None) -> str:
    marks = [(quote.span, EXCERPT), (quote.words, WORDS)] if quote else []

    def html(span: Span) -> str:
        return marked(document[span], span.start, *marks)

    def gap(span: Span) -> str:
        return f'<span class="gap">{html(span)}</span>' if span else ""

    body = block.span.trimmed(document.text)
    # The blanks around a paragraph take no room, but they stay: the marked text is exactly the excerpt.
    content = gap(Span(block.span.start, body.start)) + html(body) + gap(Span(body.end, block.span.end))
    if block.heading:
        return f'<h3 dir="auto">{content}</h3>'
    attribute = 'class="continued"' if block.continued else f'data-paragraph="{block.paragraph}"'
    return f'<p {attribute} dir="auto">{content}</p>'


def _about(document: Document) -> str:
    date = f"<time>{escaped(_date_in_words(document.date))}</time> · " if document.date else ""
    # Never a link: the document's author chose the address, so it is not trusted.
    return date + (isolated(document.source) if document.source else "source not stated")


def _date_in_words(date: str) -> str:
    """2024, 2024-06 or 2024-06-18 in words; any other date unchanged."""
    for form, day in (("%Y-%m", ""), ("%Y-%m-%d", "{0.day} ")):
        try:
            moment = datetime.strptime(date, form)
        except ValueError:
            continue
        return f"{day.format(moment)}{calendar.month_name[moment.month]} {moment.year}"
    return date
