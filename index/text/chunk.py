"""A document becomes passages: runs of whole sentences that fit a token budget and the encoder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from index.errors import SettingsError
from index.text.tokens import count_tokens
from index.types import Document, Passage, Sentence, Span

CountPieces = Callable[[Sequence[str]], list[int]]
"""How many word pieces the encoder makes of each text."""

_BREAK = re.compile(r"(?<=[,;:،、，；：])\s*|\s+")


def chunk(
    document: Document,
    sentences: Sequence[Sentence],
    *,
    budget: int,
    limit: int,
    count_pieces: CountPieces,
) -> list[Passage]:
    """The passages of `document`: together they hold every one of its `sentences`, in order, none twice.

    A passage ends with its section. Within a section paragraphs are kept together while they fit `budget` tokens
    (cl100k_base), and a paragraph that does not is parted between sentences. A passage with its heading, as
    `searchable` gives it, never exceeds `limit` word pieces; a sentence that does so alone is cut between words.
    Raises SettingsError where the budget cannot hold a word.
    """
    if budget < 16 or limit < 16:
        raise SettingsError(f"passages of {min(budget, limit)} tokens hold no sentence", "Allow at least 16")
    passages: list[Passage] = []
    for heading, section in _sections(document, sentences):
        # a heading is carried with every passage of its section, but may take no more than half of each
        carried = heading if _fits([heading], budget // 2, limit // 2, count_pieces) else ""
        tokens_left = budget - count_tokens([carried])[0]
        pieces_left = limit - count_pieces([carried])[0]
        whole = [part for s in section for part in _cut(document, s, tokens_left, pieces_left, count_pieces)]
        texts = [document[part.span] for part in whole]
        # one more for each seam: tokens of a joined text can outnumber those of its parts by that
        sizes = [n + 1 for n in count_tokens(texts)]
        pieces = count_pieces(texts)
        for first, last in _pack(whole, sizes, pieces, tokens_left, pieces_left):
            passages.append(Passage(document, tuple(whole[first:last]), carried))
    return passages


def searchable(passage: Passage) -> str:
    """What is embedded and indexed of a passage: its heading, unless it begins with it, and its text."""
    body = passage.text.strip()
    return f"{passage.heading}\n{body}" if passage.heading and not passage.sentences[0].heading else body


def _sections(document: Document, sentences: Sequence[Sentence]) -> Iterator[tuple[str, list[Sentence]]]:
    """(heading, its sentences, the heading among them) in order; several headings in a row head one section."""
    section: list[Sentence] = []
    for heading, run in groupby(sentences, key=lambda s: s.heading):
        if heading and section:
            yield _heading_of(document, section), section
            section = []
        section += run
    if section:
        yield _heading_of(document, section), section


def _heading_of(document: Document, section: Sequence[Sentence]) -> str:
    headings = [document[s.span].strip().lstrip("#").strip() for s in section if s.heading]
    return " – ".join(headings)


def _pack(
    sentences: Sequence[Sentence], sizes: Sequence[int], pieces: Sequence[int], budget: int, limit: int
) -> Iterator[tuple[int, int]]:
    """Half-open ranges of sentences, each within budget and limit, ending between paragraphs where they can."""
    starts = [n for n, s in enumerate(sentences) if n == 0 or s.paragraph != sentences[n - 1].paragraph]
    first = 0
    for start, end in zip(starts, [*starts[1:], len(sentences)], strict=True):
        full = sum(sizes[first:end]) > budget or sum(pieces[first:end]) > limit
        # a heading is not left alone
        if full and not all(s.heading for s in sentences[first:start]):
            yield first, start
            first = start
        for n in range(max(start, first + 1), end):
            if sum(sizes[first : n + 1]) > budget or sum(pieces[first : n + 1]) > limit:
                yield first, n
                first = n
    yield first, len(sentences)


def _fits(texts: Sequence[str], budget: int, limit: int, count_pieces: CountPieces) -> bool:
    return count_tokens(texts)[0] < budget and count_pieces(texts)[0] <= limit


def _cut(
    document: Document, sentence: Sentence, budget: int, limit: int, count_pieces: CountPieces
) -> Iterator[Sentence]:
    """`sentence`, or the parts of it that each fit: cut after a comma or a blank, or within a word as a last resort."""
    todo = [sentence]
    while todo:
        part = todo.pop()
        text = document[part.span]
        if _fits([text], budget, limit, count_pieces) or len(text) < 2:
            yield part
            continue
        middle = part.span.start + _middle(text)
        todo += [replace(part, span=Span(middle, part.span.end)), replace(part, span=Span(part.span.start, middle))]


def _middle(text: str) -> int:
    """The place to cut `text` in two that is nearest to its middle: between words if it has any."""
    half = len(text) // 2
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    # outwards, since most texts have a break near their middle and a long one is not to be searched whole each time
    for width in (100, 10_000, len(text)):
        found = _BREAK.finditer(text, max(0, half - width), min(len(text), half + width))
        breaks = [match.end() for match in found if first < match.end() < last]
        if breaks:
            return min(breaks, key=lambda place: abs(place - half))
    return half
