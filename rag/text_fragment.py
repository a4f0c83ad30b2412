"""Links that open a web page at an excerpt: the text directive of URL fragments, #:~:text=prefix-,start,end,-suffix."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from index.types import Document, Span

_WHOLE = 300
"""Characters up to which a quote is written out; of a longer one its first and its last words."""
_ENDS = 4
"""How many words those are at least."""
_CONTEXT = 32
"""Words before and after a quote that may tell it from its like."""
_WINDOW = 2000
"""Characters in which those words are looked for."""
_OFTEN = 1000
"""Where a term stands more often than this, no context is tried."""

_LINE = re.compile(r"[\r\n]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_APART = frozenset("()[]{}<>«»“”„„‹›「」『』（）【】。！？、，；：…!?/|—–")


def linked(document: Document, span: Span) -> str | None:
    """The address of the document's page, opening at `span`; None where its source is no http or https address."""
    source = document.source or ""
    if not source.isprintable() or " " in source or "\\" in source:
        return None
    try:
        parts = urlsplit(source)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
    except ValueError:
        return None
    page, hash_, fragment = source.partition("#")
    directive = text_fragment(document.text, span)
    if not directive:
        return source
    return f"{page}#{fragment.partition(':~:')[0] if hash_ else ''}:~:{directive}"


def text_fragment(text: str, span: Span) -> str:
    """The text directive, percent-encoded, that finds `span` of `text` and nothing else in it; empty where the span has
    no words, or stands among so many of its like that no short context tells it apart.

    A browser looks for each term within one block of the page, so no term goes past the end of a line where there is
    another way. It compares as this does, regardless of case, marks and white space, and begins and ends at the bounds
    of words; here every place in a word counts too, since what is a word depends on the browser.
    """
    span = span.trimmed(text)
    around = _Around.of(text, span)
    if not around.quoted:
        return ""
    words = text[span.start : span.end].split()
    lines = _LINE.split(text[span.start : span.end])
    least = int(not _apart(text, span.start)), int(not _apart(text, span.end))
    in_line, across = _context(text, span, lines=True), _context(text, span, lines=False)
    if len(words) > 1 and (len(lines) > 1 or len(span) > _WHOLE):
        first, last = len(lines[0].split()), len(lines[-1].split())
        for most, before in ((first, in_line[0]), (len(words) - 1, across[0])):
            for size in range(min(_ENDS, most), min(most, len(words) - 1) + 1):
                start = _plain(" ".join(words[:size])).strip()
                found = _told_apart(around, start, before, (), (least[0], 0)) if start else None
                if found:
                    end = words[-_shortest_end(around.quoted[len(start) :], words[size:], last) :]
                    return _directive(words[:size], end, before, across[1], (found[0], least[1]))
    for before, after in (in_line, across):
        if found := _told_apart(around, around.quoted, before, after, least):
            return _directive(words, [], before, after, found)
    return ""


@dataclass(frozen=True, slots=True)
class _Around:
    """A quote in its text, all as it is compared."""

    whole: str
    at: int
    quoted: str

    @classmethod
    def of(cls, text: str, span: Span) -> _Around:
        before, quoted, after = map(_plain, (text[: span.start], text[span.start : span.end], text[span.end :]))
        gap = " " * (before.endswith(" ") or quoted.startswith(" "))
        left = f"{before.rstrip()}{gap}"
        gap = " " * (quoted.endswith(" ") or after.startswith(" "))
        return cls(f"{left}{quoted.strip()}{gap}{after.lstrip()}", len(left), quoted.strip())

    def elsewhere(self, term: str) -> list[tuple[str, str]] | None:
        """What stands before and after every `term` but the one at the quote's start; None if it is too often there."""
        found: list[tuple[str, str]] = []
        at = self.whole.find(term)
        while at >= 0:
            if at != self.at:
                end = at + len(term)
                before, after = self.whole[max(0, at - _WINDOW) : at], self.whole[end : end + _WINDOW]
                found.append((before.rstrip(), after.lstrip()))
            if len(found) > _OFTEN:
                return None
            at = self.whole.find(term, at + 1)
        return found


def _told_apart(
    around: _Around, term: str, before: Sequence[str], after: Sequence[str], least: tuple[int, int]
) -> tuple[int, int] | None:
    """How many words of `before` and of `after`, at least these, tell the quote's `term` from all others; None if
    no number does. One less of either would not do."""
    others = around.elsewhere(term)
    if others is None:
        return None

    def alike(lead: int, trail: int) -> bool:
        prefix = _plain(" ".join(before[len(before) - lead :])).strip()
        suffix = _plain(" ".join(after[:trail])).strip()
        return any(left.endswith(prefix) and right.startswith(suffix) for left, right in others)

    for size in range(_CONTEXT + 1):
        lead, trail = (min(max(size, n), len(words)) for n, words in zip(least, (before, after), strict=True))
        if not alike(lead, trail):
            while lead > least[0] and not alike(lead - 1, trail):
                lead -= 1
            while trail > least[1] and not alike(lead, trail - 1):
                trail -= 1
            return lead, trail
    return None


def _shortest_end(rest: str, words: Sequence[str], line: int) -> int:
    """How many of the last words find the end of what follows a quote's beginning, and nothing before that."""
    for size in range(min(_ENDS, line, len(words)), len(words)):
        end = _plain(" ".join(words[-size:])).strip()
        if end and rest.find(end) == len(rest) - len(end):
            return size
    return len(words)


def _context(text: str, span: Span, *, lines: bool) -> tuple[list[str], list[str]]:
    """The words just before and just after; with `lines`, those of one line each."""
    left, right = text[max(0, span.start - _WINDOW) : span.start], text[span.end : span.end + _WINDOW]
    cut = span.start > _WINDOW, span.end + _WINDOW < len(text)
    before, after = left.split()[cut[0] :], right.split()[: -1 if cut[1] else None]
    if lines:
        before = before[-len(_LINE.split(left.rstrip())[-1].split()) or len(before) :]
        after = after[: len(_LINE.split(right.lstrip())[0].split())]
    return before[-_CONTEXT:], after[:_CONTEXT]


def _directive(
    start: Sequence[str], end: Sequence[str], before: Sequence[str], after: Sequence[str], found: tuple[int, int]
) -> str:
    lead, trail = found
    terms = [f"{_encoded(before[len(before) - lead :])}-"] if lead else []
    terms.append(_encoded(start))
    terms.extend([_encoded(end)] if end else [])
    terms.extend([f"-{_encoded(after[:trail])}"] if trail else [])
    return f"text={','.join(terms)}"


def _encoded(words: Sequence[str]) -> str:
    return quote(" ".join(words), safe="").replace("-", "%2D")


def _apart(text: str, place: int) -> bool:
    """Whether no browser takes what stands on the two sides of this place for one word."""
    if place in (0, len(text)):
        return True
    return any(c.isspace() or c in _APART for c in text[place - 1 : place + 1])


def _plain(text: str) -> str:
    """`text` as it is compared: without case, marks and what is not seen, each run of blanks one space."""
    letters = _FOREIGN.sub(lambda found: found[0].translate(_LETTERS), text.casefold())
    words = " ".join(letters.split())
    return f"{' ' * letters[:1].isspace()}{words}{' ' * (bool(words) and letters[-1:].isspace())}"


class _Letters(dict[int, str]):
    """What each character is compared as; filled as they are met."""

    def __missing__(self, code: int) -> str:
        parts = unicodedata.normalize("NFKD", chr(code)).casefold()
        seen = "".join(c for c in parts if unicodedata.category(c) not in ("Mn", "Me", "Cf", "Cc") and not c.isspace())
        self[code] = letter = " " if chr(code).isspace() else seen
        return letter


_LETTERS = _Letters()
