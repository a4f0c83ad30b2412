"""The source panel as HTML: a document, or the part of it around a quote, with the quote marked."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from markupsafe import Markup

from index.corpus import Corpus
from index.types import Document, Sentence, Span
from ui.page.conversation import Quote
from ui.page.markup import EXCERPT, WORDS, marked, templates

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


def source_html(opened: Opened, document: Document, blocks: Sequence[Block]) -> str:
    # joined here: a template is several times slower, and a document can have 100,000 blocks
    text = Markup("".join(_block_html(block, document, opened.quote) for block in blocks[opened.first : opened.last]))
    date = _date_in_words(document.date or "")
    return str(templates.source(opened, document, date, text, opened.last < len(blocks)))


def _block_html(block: Block, document: Document, quote: Quote | None) -> str:
    """The block as HTML. The blanks around its text take no room, but they stay: the marked text is the excerpt."""
    marks = [(quote.span, EXCERPT), (quote.words, WORDS)] if quote else []
    text = block.span.trimmed(document.text)
    before, after = Span(block.span.start, text.start), Span(text.end, block.span.end)
    parts = [marked(document[part], part.start, *marks) for part in (before, text, after)]
    gaps = [f'<span class="gap">{blanks}</span>' if blanks else "" for blanks in (parts[0], parts[2])]
    html = f"{gaps[0]}{parts[1]}{gaps[1]}"
    if block.heading:
        return f'<h3 dir="auto">{html}</h3>'
    attribute = 'class="continued"' if block.continued else f'data-paragraph="{block.paragraph}"'
    return f'<p {attribute} dir="auto">{html}</p>'


def _date_in_words(date: str) -> str:
    """2024, 2024-06 or 2024-06-18 in words; any other date unchanged."""
    for form, day in (("%Y-%m", ""), ("%Y-%m-%d", "{0.day} ")):
        try:
            moment = datetime.strptime(date, form)
        except ValueError:
            continue
        return f"{day.format(moment)}{calendar.month_name[moment.month]} {moment.year}"
    return date
