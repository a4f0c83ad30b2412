"""The source panel as HTML: a document, or the part of it around a citation, from its exact spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from index.types import Document, Sentence, Span
from rag.types import Citation
from ui.page.markup import shown, with_words, wrapped
from ui.page.render import isolated, place_of

WINDOW = 40_000
"""How many characters are shown around a citation, and added by each "Show more": a long read, and quick to draw."""

LONGEST_BLOCK = 8_000
"""A longer paragraph is shown in pieces, so that a text without paragraphs can be windowed too."""

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class Block:
    """A heading or a paragraph, or a piece of a very long one, with the blanks that follow it."""

    span: Span
    paragraph: int
    heading: bool
    continued: bool = False
    """Whether it goes on with the paragraph of the block before it."""


@dataclass(frozen=True, slots=True)
class View:
    """What the source panel shows: the blocks [first, last), and the citation that was opened, if one was."""

    document: Document
    blocks: tuple[Block, ...]
    first: int
    last: int
    citation: Citation | None = None
    turn: str = ""

    def earlier(self) -> View:
        return replace(self, first=_reach(self.blocks, self.first, -1))

    def later(self) -> View:
        return replace(self, last=_reach(self.blocks, self.last, +1))


def view_of(
    document: Document, sentences: Sequence[Sentence], citation: Citation | None = None, turn: str = ""
) -> View:
    """The document from its start, or around the citation."""
    blocks = blocks_of(sentences)
    if citation is None:
        return View(document, blocks, 0, _reach(blocks, 0, +1))
    span = citation.excerpt.span
    cited = [index for index, block in enumerate(blocks) if block.span.overlaps(span)]
    first, last = (cited[0], cited[-1] + 1) if cited else (0, 0)
    return View(document, blocks, _reach(blocks, first, -1), _reach(blocks, last, +1), citation, turn)


def blocks_of(sentences: Sequence[Sentence]) -> tuple[Block, ...]:
    """The headings and paragraphs that the sentences make up; together they tile what the sentences tile."""
    blocks: list[Block] = []
    for (paragraph, heading, _), run in groupby(sentences, _block_key):
        start = None
        continued = False
        for sentence in run:
            if start is not None and sentence.span.end - start > LONGEST_BLOCK:
                blocks.append(Block(Span(start, sentence.span.start), paragraph, heading, continued))
                start, continued = None, True
            start = sentence.span.start if start is None else start
            end = sentence.span.end
        if start is not None:
            blocks.append(Block(Span(start, end), paragraph, heading, continued))
    return tuple(blocks)


def _block_key(sentence: Sentence) -> tuple[int, bool, int]:
    # Two headings in a row head the same paragraph, and are two.
    return sentence.paragraph, sentence.heading, sentence.span.start if sentence.heading else 0


def source_html(view: View | None, problem: str = "") -> str:
    """The panel. `problem` stands in its place where the source cannot be shown."""
    if problem:
        return f'<div class="bar">{_BACK}</div><p class="problem">{shown(problem)}</p>'
    if view is None:
        return f'<div class="bar">{_BACK}</div><p class="problem">There are no documents yet.</p>'
    document, number, opened = view.document, "", ""
    if view.citation is not None:
        number = str(view.citation.number)
        opened = f'<p class="opened">Citation <span class="number">[{number}]</span>, {place_of(view.citation)}</p>'
    body = "".join(_block(view, block) for block in view.blocks[view.first : view.last])
    return (
        f'<div class="bar">{_BACK}{opened}</div>'
        f'<div class="paper" data-turn="{shown(view.turn)}" data-number="{number}">'
        f'<header><h2 dir="auto">{shown(document.title)}</h2><p class="about">{_about(document)}</p></header>'
        f"{_more('earlier') if view.first > 0 else ''}"
        f'<div class="text" lang="{shown(document.language)}">{body}</div>'
        f"{_more('later') if view.last < len(view.blocks) else ''}"
        "</div>"
    )


_BACK = (
    '<button type="button" class="back" data-back><span aria-hidden="true">←</span> Back to the conversation</button>'
)


def _more(way: Literal["earlier", "later"]) -> str:
    return f'<button type="button" class="more" data-event="{way}">Show {way} text</button>'


def _block(view: View, block: Block) -> str:
    text = view.document.text
    body = block.span.trimmed(text)
    lead, gap = Span(block.span.start, body.start), Span(body.end, block.span.end)
    # The blanks around a paragraph take no room, but stay: what is marked is the excerpt, to the character.
    content = f"{_gap(view, lead)}{_marked(view, body)}{_gap(view, gap)}"
    if block.heading:
        return f'<h3 dir="auto">{content}</h3>'
    attribute = 'class="continued"' if block.continued else f'data-paragraph="{block.paragraph}"'
    return f'<p {attribute} dir="auto">{content}</p>'


def _gap(view: View, span: Span) -> str:
    return f'<span class="gap">{_marked(view, span)}</span>' if span else ""


def _marked(view: View, span: Span) -> str:
    citation = view.citation
    if citation is None:
        return shown(view.document[span])
    opening = '<mark class="excerpt" tabindex="-1">'

    def inside(part: Span) -> str:
        return with_words(view.document, part, citation.highlight)

    return wrapped(view.document, span, citation.excerpt.span, opening, "</mark>", inside)


def _reach(blocks: Sequence[Block], edge: int, step: Literal[-1, 1]) -> int:
    """`edge` moved by as many blocks as hold about WINDOW characters."""
    room = WINDOW
    while room > 0 and 0 <= (edge - 1 if step < 0 else edge) < len(blocks):
        room -= len(blocks[edge - 1 if step < 0 else edge].span)
        edge += step
    return edge


def _date_in_words(date: str) -> str:
    """2024, 2024-06 or 2024-06-18 as people write it; anything else as it is."""
    year, *rest = date.split("-")
    if not (year.isdecimal() and all(part.isdecimal() for part in rest) and len(rest) <= 2):
        return date
    if not rest:
        return year
    month = int(rest[0])
    if not 1 <= month <= 12:
        return date
    day = f"{int(rest[1])} " if len(rest) == 2 else ""
    return f"{day}{_MONTHS[month - 1]} {year}"


def _about(document: Document) -> str:
    date = f"<time>{shown(_date_in_words(document.date))}</time> · " if document.date else ""
    # The source is shown, never a link: what a document says of itself is not to be followed on a click.
    return date + (isolated(document.source) if document.source else "source not stated")
