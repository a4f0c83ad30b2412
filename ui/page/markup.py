"""Text as HTML: escaped, control characters made visible, exact spans marked, directions isolated; the templates."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from index.types import Span
from rag.likelihood import in_words
from rag.types import Excerpt

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_ESCAPES: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n\f"},  # control pictures: ␀ ␛ …
    0x7F: "\N{SYMBOL FOR DELETE}",
    **dict.fromkeys(range(128, 160), _REPLACEMENT),
    **dict.fromkeys(range(55296, 57344), _REPLACEMENT),  # lone surrogates cannot be sent
    ord("\r"): "&#13;",  # an HTML parser would turn CRLF into LF
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord('"'): "&quot;",
    ord("'"): "&#39;",
}

EXCERPT, WORDS = '<mark class="excerpt" tabindex="-1">', '<mark class="words">'

_OPENS, _ENDS = ("\u2066", "\u2067", "\u2068"), "\u2069"
"""Unicode's isolates: the characters that open one (left to right, right to left, by its text), and the end."""
_PARAGRAPH = "\u2029"


def escaped(text: object) -> Markup:
    """A text as HTML, for use between tags and inside quoted attributes. HTML stays as it is."""
    return text if isinstance(text, Markup) else Markup(str(text).translate(_ESCAPES))


def marked(text: str, start: int, *marks: tuple[Span, str]) -> Markup:
    """`text`, which begins at offset `start` of its document, as HTML with these marks.

    A mark is a span in the document's offsets and its opening tag. Each mark lies inside the one before it.
    """
    if not marks:
        return escaped(text)
    (span, opening), *inner = marks
    first, last = (min(max(edge - start, 0), len(text)) for edge in (span.start, span.end))
    if first == last:
        return escaped(text)
    content = marked(text[first:last], start + first, *inner)
    return Markup(f"{escaped(text[:first])}{opening}{content}</mark>{escaped(text[last:])}")


def isolated(text: str) -> Markup:
    """`text` as HTML whose direction does not change the text after it."""
    # A browser ends a <bdi> with the character that ends an isolate, so an isolate that `text` leaves open would end in
    # its place, and a stray end would end it too early. A paragraph separator ends them all.
    opened = ended = 0
    for character in text:
        if character in _OPENS:
            opened += 1
        elif character == _ENDS and opened:
            opened -= 1
        elif character == _ENDS:
            ended += 1
    return Markup(f"<bdi>{_OPENS[2] * ended}{escaped(text.replace(_PARAGRAPH, ' '))}{_ENDS * opened}</bdi>")


def _excerpt(excerpt: Excerpt, words: Span | None) -> Markup:
    return marked(excerpt.text, excerpt.span.start, *([(words, WORDS)] if words else []))


_environment = Environment(
    autoescape=True, finalize=escaped, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_environment.filters.update(in_words=in_words, isolated=isolated, marked=_excerpt)
templates: Any = _environment.from_string((files("ui.page") / "page.html.jinja").read_text("utf-8")).module
"""The macros of page.html.jinja, as functions that return Markup."""
