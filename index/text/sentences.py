"""Sentence splitting: divides a text into sentences and headings, and numbers its paragraphs."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise

import sentencex

from index.types import Sentence, Span

# A hard-wrapped line has at least this many characters. Shorter lines belong to a list or a verse.
_WRAPPED = 40
_HEADING_WORDS = 16

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_STOP = re.compile(r"[.!?…。！？؟۔।:;][\"'”’»)\]*_]*\s*\Z")
_BULLET = re.compile(r"\s*(?:[-*+•–—]|\(?\w{1,3}[.)])\s+\S")
_WIDE_BLANK = re.compile(r"[^\S\x00-\x7f]")
_ROW = re.compile(r"[|\t]")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_MARKDOWN_HEADING = re.compile(r"#{1,6}\s+\S")
# abbreviations that stand before a number: their full stop does not end a sentence
_BEFORE_NUMBER = re.compile(
    r"(?:\A|[\s(\[])(?:approx|app|art|arts|ca|c|ch|chap|cf|eq|ex|fig|figs|no|nos|nr|p|par|para|pp|pt|sec|sect|vol|vols|v|vs)"
    r"\.\s*\Z",
    re.IGNORECASE,
)


def split_sentences(text: str, language: str = "en") -> tuple[Sentence, ...]:
    """Splits `text` into sentences and headings, in order. Their spans cover it without gaps; a blank text has none.

    A paragraph is a line, a run of hard-wrapped lines, or the text between blank lines. A line without a full stop
    before a paragraph is a heading. sentencex finds the sentence boundaries within a paragraph. Its boundaries after
    an abbreviation or before a lower-case letter are ignored.
    """
    marks: list[tuple[int, int, bool]] = []
    paragraph = 1
    for starts, heading in _blocks(text, language):
        marks += [(start, paragraph, heading) for start in starts]
        paragraph += not heading
    # blanks at the start of the text belong to the first sentence
    spans = pairwise([0, *(start for start, _, _ in marks[1:]), len(text)])
    return tuple(
        Sentence(Span(*span), number, heading) for span, (_, number, heading) in zip(spans, marks, strict=False)
    )


def _blocks(text: str, language: str) -> Iterator[tuple[Iterable[int], bool]]:
    """Yields (offsets at which its sentences begin, whether it is a heading) for each heading and each paragraph."""
    lines = list(_LINE.finditer(text))
    headings = _headings([line[0] for line in lines])
    for blank, run in groupby(range(len(lines)), key=lambda n: not lines[n][0].strip()):
        if blank:
            continue
        for heading, part in groupby(run, key=lambda n: n in headings):
            members = [lines[n] for n in part]
            if heading:
                yield from (([line.start()], True) for line in members)
            else:
                yield from ((_sentence_starts(text, span, language), False) for span in _paragraphs(members))


def _headings(lines: list[str]) -> frozenset[int]:
    """The numbers of the lines that are headings."""

    def filled(n: int) -> bool:
        return 0 <= n < len(lines) and bool(lines[n].strip())

    def may_be(n: int) -> bool:
        body = lines[n].strip()
        return (
            not _STOP.search(lines[n])
            and len(body.split()) <= _HEADING_WORDS
            and any(c.isalpha() for c in body)
            and not body[0].islower()
            and not body.endswith((",", "-", "–", "—"))
            and not _BULLET.match(body)
            and not _ROW.search(body)
        )

    headings: set[int] = set()
    fenced = False
    for n, line in enumerate(lines):
        fenced ^= bool(_FENCE.match(line))
        if fenced:
            continue
        if _MARKDOWN_HEADING.match(line):
            headings.add(n)
        elif filled(n) and may_be(n):
            following = next((m for m in range(n + 1, len(lines)) if filled(m)), None)
            if (
                following is None
                or may_be(following)
                or (filled(n - 1) and not _STOP.search(lines[n - 1]) and n - 1 not in headings)
            ):
                continue
            if filled(n + 1) and _continues(lines[n + 1]):
                continue
            # right above its text it must be clearly shorter, or it may be the first line of a wrapped paragraph
            if not filled(n + 1) or len(lines[following]) > 1.5 * len(line):
                headings.add(n)
    return frozenset(headings)


def _continues(line: str) -> bool:
    first = line.lstrip()[0]
    return first.islower() or first.isdigit()


def _paragraphs(lines: list[re.Match[str]]) -> Iterator[Span]:
    """The paragraphs of consecutive lines, none of them blank."""
    inner = lines[:-1]
    running_on = [line for line in inner if not _STOP.search(line[0])]
    wrapped = (
        2 * len(running_on) > len(inner)
        and sum(len(line[0]) for line in running_on) >= _WRAPPED * len(running_on)
        and 2 * sum(bool(_ROW.search(line[0])) for line in lines) < len(lines)
    )
    start = lines[0].start()
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        runs_on = following and not _STOP.search(line[0]) and len(line[0]) >= _WRAPPED and _continues(following[0])
        if not following or _BULLET.match(following[0]) or not (wrapped or runs_on):
            yield Span(start, line.end())
            start = line.end()


def _sentence_starts(text: str, paragraph: Span, language: str) -> Iterator[int]:
    """The offsets in `text` at which the sentences of `paragraph` begin. The first is the start of the paragraph."""
    body = text[paragraph.start : paragraph.end]
    yield paragraph.start
    start = 0
    # a boundary needs a word after it; searching the rest of the text at each boundary would take quadratic time
    last_word = next((n for n in range(len(body) - 1, -1, -1) if body[n].isalnum()), -1)
    # sentencex panics if a blank of several bytes follows an initial; replaced by one character, the offsets stay
    for boundary in sentencex.get_sentence_boundaries(language, _WIDE_BLANK.sub(" ", body)):
        end = boundary["end_index"]
        if end <= last_word and _is_boundary(
            body[start:end], next(body[n] for n in range(end, len(body)) if not body[n].isspace())
        ):
            yield paragraph.start + end
            start = end


def _is_boundary(before: str, following: str) -> bool:
    """Whether a sentence ends after `before`. `following` is the next character that is not blank."""
    if not any(c.isalnum() for c in before):
        return False
    if following.islower() and not before.rstrip().endswith(("!", "?", "…")):
        return False
    if following.isdigit() and _BEFORE_NUMBER.search(before):
        return False
    # "1. The first" and "J. Smith": a number or an initial is not a sentence
    return len(before.strip().rstrip(".)")) > 1 or not before.rstrip().endswith((".", ")"))
