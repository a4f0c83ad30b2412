"""Links that open a web page at an excerpt: the text directive of URL fragments, #:~:text=prefix-,start,end,-suffix."""

import re
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

from index.types import Document, Span

_WHOLE = 300
"""A quote of up to this many characters is written out; a longer one is given by its first and last words."""
_ENDS = 4
"""The number of those first and last words."""
_WINDOW = 250
"""The number of characters in which the words before a quote are looked for."""

_LINE = re.compile(r"[\r\n]+")
# up to three words of one line; anything longer is text without blanks, not a word
_WORDS = r"((?:\S{1,80}[^\S\r\n]+){0,2}\S{1,80})"
_BEFORE, _AFTER = re.compile(rf"(?<!\S){_WORDS}\s*\Z"), re.compile(rf"\s*{_WORDS}(?!\S)")


def linked(document: Document, span: Span) -> str | None:
    """The address of the document's page, opening at `span`; None if its source is not an http or https URL."""
    source = document.source or ""
    if not source.isprintable() or " " in source or "\\" in source:
        return None
    try:
        parts = urlsplit(source)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
    except ValueError:
        return None
    directive = text_fragment(document.text, span)
    if not directive:
        return source
    page, hash_, fragment = source.partition("#")
    return f"{page}#{fragment.partition(':~:')[0] if hash_ else ''}:~:{directive}"


def text_fragment(text: str, span: Span) -> str:
    """The text directive, percent-encoded, that finds `span` of `text` in a browser; empty if the span has no words.

    A browser looks for each term within one block of the page, so no term goes past the end of a line. The link is
    ambiguous if the page holds the same words twice with the same three words on both sides: then the browser opens
    the first. The receipt of the citation stays exact.
    """
    span = span.trimmed(text)
    quoted = text[span.start : span.end]
    if not any(character.isalnum() for character in quoted):
        return ""
    lines = [line.split() for line in _LINE.split(quoted)]
    terms = []
    if before := _BEFORE.search(text, max(0, span.start - _WINDOW), span.start):
        terms.append(f"{_encoded(before[1].split())}-")
    if len(lines) == 1 and (len(quoted) <= _WHOLE or len(lines[0]) == 1):
        terms.append(_encoded(lines[0]))
    else:
        most = _ENDS if len(lines) > 1 else min(_ENDS, len(lines[0]) // 2)
        terms += [_encoded(lines[0][:most]), _encoded(lines[-1][-most:])]
    if after := _AFTER.match(text, span.end):
        terms.append(f"-{_encoded(after[1].split())}")
    return f"text={','.join(terms)}"


def _encoded(words: Sequence[str]) -> str:
    return quote(" ".join(words), safe="").replace("-", "%2D")
