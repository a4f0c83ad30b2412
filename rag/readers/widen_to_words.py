"""Widens a highlight to whole words, numbers, dates, quotations and names."""

import re
import unicodedata
from collections.abc import Iterator

from index.types import Span
from rag.english.dates import CENTURY, DATE
from rag.english.names import completed, names
from rag.english.numbers import NUMBER

_MAYBE_COMBINING = map(chr, (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)))
# the lookahead is for speed: a class of that many characters is slow
_COMBINING = rf"(?![\x00-\u02ff])[{''.join(c for c in _MAYBE_COMBINING if unicodedata.category(c)[0] == 'M')}]"
_LETTERS = rf"(?:\w++|{_COMBINING})++"
_WORD = re.compile(rf"{_LETTERS}(?:[’'.\u00ad\u2011-]{_LETTERS})*")
# a character with its combining marks, its skin tone, and what zero-width joiners attach
_CHARACTER = re.compile(rf"[\s\S](?:{_COMBINING}|[\U0001f3fb-\U0001f3ff]|\u200d[\s\S]?)+|\u200d[\s\S]")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
_INITIALS = re.compile(r"\b(?:[^\W\d_]\.){2,}")

# a straight single quotation mark opens a quotation after a blank, bracket or quotation mark and before a letter, and
# closes one before a character that is not part of a word; others are apostrophes: don't, the '90s
_PAIR = re.compile(
    r"“[^“”]*”|„[^„“”]*[“”]|\"[^\"]*\"|«[^«»]*»|(?<!\w)‘(?:[^‘’]|’(?=\w))*’|"
    r"(?<![^\s(\[“\"«„])'(?=[^\W\d])(?:[^']|(?<=\w)'(?=\w))*(?<=\S)'(?!\w)|\([^()]*\)|\[[^\[\]]*\]",
)
_PAIRED = '“”„"«»()[]'
_SHORT = 6
"""A quotation of up to this many words, such as a title, is highlighted whole or not at all."""
_LONG = 15
"""A highlight that crosses the edge of a quotation, or of brackets, of up to this many words takes in all of it.
Beyond, only the longest part of the highlight is kept: before, inside or after it."""

_Offsets = tuple[int, int]


def whole_words(highlight: Span, sentence: Span, text: str) -> Span:
    """`highlight`, cut to `sentence` and widened to whole units; all of the sentence if they do not overlap.

    A word includes its hyphens, apostrophes and combining marks; a number its separators, currency and unit; a name its
    initials and particles. A highlight inside a long quotation stays inside. One that crosses its edge keeps its
    longest part. Blanks and unmatched quotation marks and brackets are dropped at both ends.
    """
    within = sentence.trimmed(text)
    start, end = max(highlight.start, within.start), min(highlight.end, within.end)
    if start >= end:
        return within
    # no pattern may look beyond the sentence
    body = text[within.start : within.end]
    span = Span(start - within.start, end - within.start).trimmed(body)
    if not len(span):
        return within
    pairs = [*_pairs(body, 0, len(body))]
    span = _without_unpaired_quotes(span, pairs, body)
    for pair in pairs:
        if _words(pair, body) > _LONG and _crosses(span, pair):
            span = _longest_side(span, pair, body)
    previous = Span(0, 0)
    starts, ends = _units(body, pairs)
    while previous != span:
        previous = span
        span = _with_whole_units(span, starts, ends)
        for pair in pairs:
            if _words(pair, body) <= _LONG and _crosses(span, pair):
                span = Span(min(span.start, pair.start), max(span.end, pair.end))
    span = _without_unpaired_quotes(span, pairs, body)
    return Span(within.start + span.start, within.start + span.end)


def _pairs(text: str, start: int, end: int) -> Iterator[Span]:
    """The quotations, with their quotation marks, and the brackets, outer before inner; no two of them cross."""
    for match in _PAIR.finditer(text, start, end):
        yield Span(*match.span())
        yield from _pairs(text, match.start() + 1, match.end() - 1)


def _units(text: str, pairs: list[Span]) -> tuple[list[_Offsets], list[_Offsets]]:
    """(starts, ends), each sorted: the units in which a highlight may not start, and those in which it may not end."""
    patterns = (_WORD, _CHARACTER, _FLAG, DATE, CENTURY, NUMBER, _INITIALS)
    units = [match.span() for pattern in patterns for match in pattern.finditer(text)]
    for pair in pairs:
        if _words(pair, text) <= _SHORT and text[pair.start] not in "([":
            inner = Span(pair.start + 1, pair.end - 1).trimmed(text)
            units.append((inner.start, inner.end))
    starts, ends = [*units], [*units]
    for name in names(text):
        # a completion is also whole by itself: a highlight may start at England, of the Bank of England
        completion, end = completed(text, name.end)
        starts.append((name.start, completion))
        ends += [(name.start, name.end), (name.start, end)]
    return sorted(starts), sorted(ends)


def _with_whole_units(span: Span, starts: list[_Offsets], ends: list[_Offsets]) -> Span:
    start, end = span.start, span.end
    # ends from left to right, starts from right to left: of a chain of overlapping units, one pass then adds all
    for first, last in ends:
        if first < end < last:
            end = last
    for first, last in reversed(starts):
        if first < start < last:
            start = first
    return Span(start, end)


def _words(span: Span, text: str) -> int:
    return len(text[span.start : span.end].split())


def _crosses(span: Span, pair: Span) -> bool:
    """Whether `span` contains just one of the two quotation marks, or brackets, of `pair`."""
    return span.overlaps(pair) and not span.covers(pair) and not (pair.start < span.start and span.end < pair.end)


def _longest_side(span: Span, pair: Span, text: str) -> Span:
    """The longest of the parts of `span` before `pair`, between its quotation marks or brackets, and after it."""
    inner = Span(max(span.start, pair.start + 1), max(pair.start + 1, min(span.end, pair.end - 1)))
    before, after = Span(span.start, max(span.start, pair.start)), Span(min(span.end, pair.end), span.end)
    return max((before, inner, after), key=lambda side: len(side.trimmed(text))).trimmed(text)


def _without_unpaired_quotes(span: Span, pairs: list[Span], text: str) -> Span:
    """`span` without blanks and without unpaired quotation marks and brackets at its ends; never empty."""
    held = {place for pair in pairs if span.covers(pair) for place in (pair.start, pair.end - 1)}
    dropped = [text[n].isspace() or (text[n] in _PAIRED and n not in held) for n in range(span.start, span.end)]
    kept = [n for n, is_dropped in enumerate(dropped, span.start) if not is_dropped] or [span.start]
    return Span(kept[0], kept[-1] + 1)
