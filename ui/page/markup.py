"""Text from documents and people as HTML: escaped, its control characters made visible, its marks on exact spans."""

from __future__ import annotations

from collections.abc import Callable

from index.types import Document, Span

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# A carriage return is written as a reference, since an HTML parser would turn CRLF into LF.
_ESCAPES: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n\f"},  # control pictures: ␀ ␛ …
    0x7F: "\N{SYMBOL FOR DELETE}",
    **dict.fromkeys(range(128, 160), _REPLACEMENT),
    **dict.fromkeys(range(55296, 57344), _REPLACEMENT),  # lone surrogates cannot be sent
    ord("\r"): "&#13;",
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord('"'): "&quot;",
    ord("'"): "&#39;",
}


def shown(text: str) -> str:
    """`text` as HTML, for between tags and inside quoted attributes alike."""
    return text.translate(_ESCAPES)


def overlap(inner: Span, outer: Span) -> Span:
    """The part of `inner` that lies in `outer`; empty, at an edge of `outer`, where there is none."""
    start = min(max(inner.start, outer.start), outer.end)
    return Span(start, max(start, min(inner.end, outer.end)))


def wrapped(
    document: Document, span: Span, inside: Span, opening: str, closing: str, render: Callable[[Span], str]
) -> str:
    """`span` of the document as HTML: what lies in `inside` by `render`, between the two tags, and the rest plain."""
    part = overlap(inside, span)
    if not part:
        return shown(document[span])
    before, after = Span(span.start, part.start), Span(part.end, span.end)
    return f"{shown(document[before])}{opening}{render(part)}{closing}{shown(document[after])}"


def with_words(document: Document, span: Span, words: Span) -> str:
    """`span` of the document as HTML, with the words that answer marked."""
    return wrapped(document, span, words, '<mark class="words">', "</mark>", lambda part: shown(document[part]))
