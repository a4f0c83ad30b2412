"""Text fragments: the directive of a link finds its excerpt as a browser looks for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from corpus_support import texts
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from index.sources.read import read
from index.text.sentences import split_sentences
from index.types import Document, Span
from rag.text_fragment import linked, text_fragment

# few letters, so that everything recurs, and such as are compared in strange ways
_REPEATS = st.lists(
    st.sampled_from(
        [
            *(
                "a",
                "b",
                "A",
                "ab",
                "b,",
                "a-b",
                "&",
                "é",
                "e\u0301",
                "ß",
                "SS",
                "İ",
                "Σ",
                "ς",
                "…",
                "ﬁ",
                "5%",
                "Ⅳ",
                "´",
            ),
            *("\u200d", "a\u00adb", "\u4e2d\u6587", "\u3002", "\U0001f468\u200d\U0001f469", "10\u00a0km", "שלום"),
        ]
    ),
    max_size=40,
)
_SEAMS = st.sampled_from([" ", " ", " ", "\n", "\r\n", "\n\n", "  ", "", "\t"])
repeated = st.builds(
    lambda words, seams: "".join(word + seam for word, seam in zip(words, seams, strict=False)),
    _REPEATS,
    st.lists(_SEAMS, min_size=40, max_size=40),
)


@dataclass(frozen=True)
class Directive:
    prefix: str
    start: str
    end: str
    suffix: str

    @classmethod
    def read(cls, directive: str) -> Directive:
        name, _, value = directive.partition("=")
        assert name == "text"
        assert value.isascii()
        terms = value.split(",")
        prefix = terms.pop(0)[:-1] if terms[0].endswith("-") else ""
        suffix = terms.pop()[1:] if terms[-1].startswith("-") else ""
        assert len(terms) in (1, 2)
        assert not any(set("-,&") & set(term) for term in (prefix, suffix, *terms))
        start, end = terms[0], terms[1] if len(terms) == 2 else ""
        return cls(*map(unquote, (prefix, start, end, suffix)))


class Browser:
    """Finds as the standard says, slowly: every letter folded and every run of blanks one, with where it came from."""

    def __init__(self, text: str) -> None:
        self.letters: list[str] = []
        self.places: list[int] = []
        for place, character in enumerate(text):
            for letter in " " if character.isspace() else character.casefold():
                if letter != " " or self.letters[-1:] != [" "]:
                    self.letters.append(letter)
                    self.places.append(place)

    def find(self, directive: Directive) -> list[Span]:
        """Every range that the directive fits, in the text's own offsets; a browser opens the first."""
        matches = (self._match(directive, place) for place in range(len(self.letters)))
        return [Span(self.places[match[0]], self.places[match[1] - 1] + 1) for match in matches if match]

    def _match(self, directive: Directive, place: int) -> tuple[int, int] | None:
        if not self._bound(place):
            return None
        if directive.prefix:
            end = self._end(directive.prefix, place)
            if end is None:
                return None
            place = self._skip(end)
        start, end = place, self._end(directive.start, place)
        if end is None or not (directive.suffix or directive.end or self._bound(end)):
            return None
        if directive.end and not self._bound(end):
            return None
        if not directive.end:
            return (start, end) if self._followed(directive, end) else None
        for there in range(end, len(self.letters)):
            last = self._end(directive.end, there)
            if self._bound(there) and last is not None and self._followed(directive, last):
                return start, last
        return None

    def _followed(self, directive: Directive, place: int) -> bool:
        if not directive.suffix:
            return self._bound(place)
        end = self._end(directive.suffix, self._skip(place))
        return end is not None and self._bound(end)

    def _end(self, term: str, place: int) -> int | None:
        wanted = [letter for word in " ".join(term.split()) for letter in word.casefold()]
        return place + len(wanted) if self.letters[place : place + len(wanted)] == wanted else None

    def _skip(self, place: int) -> int:
        return place + 1 if self.letters[place : place + 1] == [" "] else place

    def _bound(self, place: int) -> bool:
        two = self.letters[max(0, place - 1) : place + 1]
        return place == 0 or len(two) < 2 or not all(c.isalnum() or c in "_'’.:-\u00ad\u0301\u0307´" for c in two)


@st.composite
def places(draw: st.DrawFn, within: st.SearchStrategy[str]) -> tuple[str, Span]:
    text = draw(within)
    start = draw(st.integers(0, len(text)))
    return text, Span(start, draw(st.integers(start, len(text))))


def check(text: str, span: Span) -> None:
    directive = text_fragment(text, span)
    body = text[span.start : span.end]
    assert bool(directive) == any(character.isalnum() for character in body)
    if directive:
        parts = Directive.read(directive)
        found, wanted = Browser(text).find(parts), span.trimmed(text)
        # the last words of a quote of several lines can stand in it before
        assert wanted.start in {one.start for one in found} if parts.end else wanted in found


@given(places(repeated))
@example(("a b a b a b", Span(4, 7)))
@example(("foobar foo bar", Span(3, 6)))
@example(("a\nb\na\nb\na\nb", Span(4, 5)))
@settings(max_examples=150, deadline=None)
def test_the_directive_fits_the_excerpt_where_words_recur(place: tuple[str, Span]) -> None:
    check(*place)


@given(places(texts))
@settings(deadline=None)
def test_the_directive_fits_an_excerpt_of_any_text(place: tuple[str, Span]) -> None:
    # inside an endless word it does not: what is around is no word then
    assume(all(len(word) <= 80 for word in place[0].split()))
    check(*place)


@given(st.integers(0, 10_000))
def test_only_the_text_around_the_excerpt_is_read(length: int) -> None:
    text = "far " * 100 + "One is here. Two is there. Three is nowhere. " + "off " * 100
    span = Span(text.index("Two"), text.index(" Three"))
    longer = "x" * length + text + "y" * length
    assert text_fragment(longer, Span(span.start + length, span.end + length)) == text_fragment(text, span)


def test_every_sentence_of_the_article_is_found_at_its_place_and_nowhere_else() -> None:
    (document,) = read([Path(__file__).parent.parent / "seeds"])
    browser = Browser(document.text)
    for sentence in split_sentences(document.text, document.language):
        span = sentence.span.trimmed(document.text)
        assert browser.find(Directive.read(text_fragment(document.text, span))) == [span]


@pytest.mark.parametrize(
    ("text", "quoted", "nth", "directive"),
    [
        ("Two is there.", "Two is there.", 0, "text=Two%20is%20there."),
        ("Now one is here. Two is there.", "Two is there.", 0, "text=one%20is%20here.-,Two%20is%20there."),
        ("Read it. Do it. Read it. Go.", "Read it.", 1, "text=it.%20Do%20it.-,Read%20it.,-Go."),
        ("Read it. Do it. Read it. Go.", "Read it.", 0, "text=Read%20it.,-Do%20it.%20Read"),
        ("A well-known, R&D 5% tale.", "well-known, R&D 5%", 0, "text=A-,well%2Dknown%2C%20R%26D%205%25,-tale."),
        ("Ja.\r\nNein.\r\nJa.\r\nÜber Öl.", "Ja.", 1, "text=Nein.-,Ja.,-%C3%9Cber%20%C3%96l."),
        ("First line\nsecond line\nthird", "First line\nsecond line", 0, "text=First%20line,second%20line,-third"),
        ("第一句。第二句。", "第二句。", 0, f"text={quote('第一句。')}-,{quote('第二句。')}"),
        ("第一句。" * 30 + "完。", "完。", 0, f"text={quote('完。')}"),
        ("It is. It is.", "It is.", 1, "text=It%20is.-,It%20is."),
        ("   ", " ", 0, ""),
    ],
)
def test_a_directive_reads(text: str, quoted: str, nth: int, directive: str) -> None:
    start = text.index(quoted)
    for _ in range(nth):
        start = text.index(quoted, start + 1)
    assert text_fragment(text, Span(start, start + len(quoted))) == directive


def test_a_long_excerpt_is_found_by_its_two_ends() -> None:
    text = "It begins. " + " ".join(f"Word {n} of many." for n in range(100)) + " It ends."
    span = Span(text.index("Word 10 "), text.index(" Word 90"))
    directive = text_fragment(text, span)
    around = "9%20of%20many.", "Word%2090%20of"
    assert directive == f"text={around[0]}-,Word%2010%20of%20many.,Word%2089%20of%20many.,-{around[1]}"
    assert Browser(text).find(Directive.read(directive)) == [span]


def test_no_term_goes_past_the_end_of_a_line() -> None:
    text = "A heading\nThe same.\nAnother heading\nThe same.\nThe last heading\nThe same."
    for start in (10, 36, 63):
        directive = Directive.read(text_fragment(text, Span(start, start + 9)))
        assert Browser(text).find(directive) == [Span(start, start + 9)]
        assert any(directive.prefix in line for line in text.splitlines())
        assert any(directive.suffix in line for line in text.splitlines())


def test_an_excerpt_without_words_links_to_the_page() -> None:
    document = Document.of("One. … Two.", title="Title", source="https://example.org/again")
    assert linked(document, Span(5, 6)) == "https://example.org/again"


@pytest.mark.parametrize(
    ("source", "link"),
    [
        ("https://intranet/page", "https://intranet/page#:~:text=One.-,Two."),
        ("HTTP://intranet:8080/a?b=c", "HTTP://intranet:8080/a?b=c#:~:text=One.-,Two."),
        ("https://intranet/page#part", "https://intranet/page#part:~:text=One.-,Two."),
        ("https://intranet/page#part:~:text=Old", "https://intranet/page#part:~:text=One.-,Two."),
        ("https://intranet/page#", "https://intranet/page#:~:text=One.-,Two."),
        (None, None),
        ("", None),
        ("notes/two.txt", None),
        ("/srv/notes/two.txt", None),
        ("file:///srv/notes/two.txt", None),
        ("javascript:alert(1)//https://x", None),
        ("JavaScript:alert(1)", None),
        ("data:text/html,<script>", None),
        (" https://intranet/page", None),
        ("java\nscript:alert(1)", None),
        ("https://intranet/a b", None),
        ("https:\\\\intranet\\page", None),
        ("https:///page", None),
        ("https://[half/page", None),
        ("ftp://intranet/page", None),
    ],
)
def test_only_sources_that_a_browser_opens_over_http_are_linked(source: str | None, link: str | None) -> None:
    assert linked(Document.of("One. Two.", title="Title", source=source), Span(5, 9)) == link
