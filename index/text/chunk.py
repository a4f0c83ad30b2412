"""Chunking: splits a document into passages, runs of sentences that fit a token budget and the encoder."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from index.errors import SettingsError
from index.text.tokens import count_tokens
from index.types import Document, Passage, Sentence, Span

CountPieces = Callable[[Sequence[str]], list[int]]
"""Counts the word pieces of each text, as the encoder splits it."""

_BREAK = re.compile(r"(?<=[,;:،、，；：])\s*|\s+")


def chunk(
    document: Document, sentences: Sequence[Sentence], *, budget: int, limit: int, count_pieces: CountPieces
) -> list[Passage]:
    """Splits `document` into passages. Together they hold each of its `sentences` once, in order.

    A passage never crosses the end of a section. Within a section, paragraphs are kept together if they fit `budget`
    tokens (cl100k_base). A paragraph that does not fit is split between sentences. A passage with its heading, as
    `searchable` returns it, has at most `limit` word pieces. A sentence that does not fit is split between words.
    Raises SettingsError if the budget or the limit is below 16.
    """
    if budget < 16 or limit < 16:
        raise SettingsError(f"passages of {min(budget, limit)} tokens hold no sentence", "Allow at least 16")
    passages: list[Passage] = []
    for heading, section in _sections(document, sentences):
        # every passage of a section gets its heading, if the heading takes no more than half of the budget
        carried = heading if _fits(heading, budget // 2, limit // 2, count_pieces) else ""
        tokens_left = budget - count_tokens([carried])[0]
        pieces_left = limit - count_pieces([carried])[0]
        whole = [part for s in section for part in _cut(document, s, tokens_left, pieces_left, count_pieces)]
        texts = [document[part.span] for part in whole]
        # one more for each part: where parts meet, a joined text can have one token more than they have
        sizes = [n + 1 for n in count_tokens(texts)]
        pieces = count_pieces(texts)
        for first, last in _pack(whole, sizes, pieces, tokens_left, pieces_left):
            passages.append(Passage(document, tuple(whole[first:last]), carried))
    return passages


def searchable(passage: Passage) -> str:
    """The text to embed and index for a passage: its text, under its heading if the text does not begin with one."""
    body = passage.text.strip()
    return f"{passage.heading}\n{body}" if passage.heading and not passage.sentences[0].heading else body


def _sections(document: Document, sentences: Sequence[Sentence]) -> Iterator[tuple[str, Sequence[Sentence]]]:
    """Yields (heading, sentences) of each section; the sentences include the heading. Headings in a row are joined."""
    starts = [n for n, s in enumerate(sentences) if n == 0 or (s.heading and not sentences[n - 1].heading)]
    for start, end in pairwise([*starts, len(sentences)]):
        section = sentences[start:end]
        headings = [document[s.span].strip().lstrip("#").strip() for s in section if s.heading]
        yield " – ".join(headings), section


def _pack(
    sentences: Sequence[Sentence], sizes: Sequence[int], pieces: Sequence[int], budget: int, limit: int
) -> Iterator[tuple[int, int]]:
    """Yields half-open ranges of sentences within budget and limit. If possible, a range ends with a paragraph."""
    starts = [n for n, s in enumerate(sentences) if n == 0 or s.paragraph != sentences[n - 1].paragraph]
    first = 0
    for start, end in pairwise([*starts, len(sentences)]):
        full = sum(sizes[first:end]) > budget or sum(pieces[first:end]) > limit
        # a passage is never only headings
        if full and not all(s.heading for s in sentences[first:start]):
            yield first, start
            first = start
        for n in range(max(start, first + 1), end):
            if sum(sizes[first : n + 1]) > budget or sum(pieces[first : n + 1]) > limit:
                yield first, n
                first = n
    yield first, len(sentences)


def _fits(text: str, budget: int, limit: int, count_pieces: CountPieces) -> bool:
    return count_tokens([text])[0] < budget and count_pieces([text])[0] <= limit


def _cut(
    document: Document, sentence: Sentence, budget: int, limit: int, count_pieces: CountPieces
) -> Iterator[Sentence]:
    """Yields `sentence` if it fits, else parts that fit: cut after commas or blanks, or in a word as a last resort."""
    todo = [sentence]
    while todo:
        part = todo.pop()
        text = document[part.span]
        if _fits(text, budget, limit, count_pieces) or len(text) < 2:
            yield part
            continue
        middle = part.span.start + _middle(text)
        todo += [replace(part, span=Span(middle, part.span.end)), replace(part, span=Span(part.span.start, middle))]


def _middle(text: str) -> int:
    """The offset at which to cut `text`: the break between words nearest to the middle, or the middle itself."""
    half = len(text) // 2
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    # outwards: most texts have a break near their middle, and searching all of a long text each time would be slow
    for width in (100, 10_000, len(text)):
        matches = _BREAK.finditer(text, max(0, half - width), min(len(text), half + width))
        breaks = [match.end() for match in matches if first < match.end() < last]
        if breaks:
            return min(breaks, key=lambda place: abs(place - half))
    return half
