"""What is put into the page: escaped, marked on exact spans, and nothing lost or added."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ui.page.render import (
    Exchange,
    citation_at,
    confidence_in_words,
    conversation_html,
    examples_of,
    isolated,
    turns_of,
    welcome_html,
)

from index.text.sentences import split_sentences
from index.types import Document, Sentence, Span
from rag.types import Answer, Attempt, Citation, Excerpt, Turn
from ui.page import source
from ui.page.markup import overlap, shown
from ui.page.source import View, blocks_of, source_html, view_of

HOSTILE = (
    '<script>alert(1)</script> <img src="http://example.invalid/a.png" onerror="alert(2)"> &lt;b&gt; \' " '
    "![x](http://example.invalid/b.png) [y](javascript:alert(3)) <http://example.invalid> "
    "${alert(4)} {{value}} `${value}`"
)
TRICKY = [
    HOSTILE,
    "a\r\nb\rc\n\nd",
    "e\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u202eabc\u202c שלום עולם",
    "\x00\x1b[31mred\x7f\x9b",
    "\f \t",
]
TAGS = {
    *("article", "bdi", "blockquote", "button", "div", "figcaption", "figure", "h2", "h3", "header", "li", "mark"),
    *("input", "label", "p", "section", "span", "time", "ul"),
}


class Page(HTMLParser):
    """HTML as a browser reads it: its tags, its attributes, its text, and the text in marked elements."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[tuple[str, str]] = []
        self.pieces: list[tuple[tuple[str, ...], str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "input":
            self.open.append((tag, dict(attrs).get("class") or ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag, "tags must nest"

    def handle_data(self, data: str) -> None:
        self.pieces.append((tuple(f"{tag}.{names}" for tag, names in self.open), data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError("no comment is ever written")

    handle_decl = handle_pi = unknown_decl = handle_comment

    def within(self, element: str) -> str:
        return "".join(data for path, data in self.pieces if element in path)


def as_shown(text: str) -> str:
    """What a reader sees of `text`: itself, but for control characters, which are pictured."""
    return Page(f"<p>{shown(text)}</p>").within("p.")


def citation_of(document: Document, span: Span, words: Span, number: int = 1) -> Citation:
    return Citation(number, Excerpt(document, span), words, "A <b>heading</b>", 2, 1.5)


def answer_of(question: str, citations: tuple[Citation, ...], *, answered: bool, forms: tuple[str, ...] = ()) -> Answer:
    return Answer(
        question=question,
        status="answered" if answered else "unanswered",
        threshold=0.5,
        citations=citations if answered else (),
        closest=() if answered else citations,
        attempts=tuple(Attempt(form, (), (), {}, 0.82 if answered else 0.1) for form in forms or (question,)),
        edition="edition",
        ms={},
    )


@st.composite
def cited(draw: st.DrawFn) -> Citation:
    """A citation of some run of sentences of a document of any text."""
    text = draw(st.lists(st.sampled_from(TRICKY) | st.text(), min_size=1, max_size=6).map("".join).filter(str.strip))
    document = Document.of(text.encode(errors="replace").decode(), title=draw(st.sampled_from(TRICKY)))
    sentences = split_sentences(document.text)
    first = draw(st.integers(0, len(sentences) - 1))
    last = draw(st.integers(first, min(first + 2, len(sentences) - 1)))
    span = Span(sentences[first].span.start, sentences[last].span.end).trimmed(document.text)
    start = draw(st.integers(span.start, span.end))
    return citation_of(document, span, Span(start, draw(st.integers(start, span.end))))


@given(st.text())
@example(HOSTILE)
def test_shown_text_has_no_markup_and_loses_nothing_but_control_characters(text: str) -> None:
    html = shown(text)
    assert not set(html) & set("<>\"'")
    seen = as_shown(text)
    assert len(seen) == len(text)
    assert all(a == b or not (a.isprintable() or a in "\t\n\r\f") for a, b in zip(text, seen, strict=True))
    assert not any(c in seen for c in "\x00\x1b\x7f\x9b")


@given(cited())
def test_the_marked_text_of_the_source_is_the_excerpt_and_the_whole_text_is_the_documents(citation: Citation) -> None:
    document = citation.excerpt.document
    page = Page(source_html(view_of(document, split_sentences(document.text), citation, "0")))
    assert page.within("mark.excerpt") == as_shown(citation.excerpt.text)
    assert page.within("mark.words") == as_shown(document[citation.highlight])
    assert page.within("div.text") == as_shown(document.text)
    assert page.within("h2.") == as_shown(document.title)


@given(cited(), st.booleans(), st.text(min_size=1) | st.sampled_from(TRICKY))
def test_the_conversation_quotes_exactly(citation: Citation, answered: bool, question: str) -> None:
    page = Page(conversation_html([Exchange(question, answer_of(question, (citation,), answered=answered))]))
    assert page.within("blockquote.") == as_shown(citation.excerpt.text)
    assert page.within("mark.words") == (as_shown(citation.excerpt.document[citation.highlight]) if answered else "")
    assert page.within("h2.question") == "You asked: " + as_shown(question)


@given(cited(), st.sampled_from(TRICKY))
def test_nothing_in_the_page_is_a_link_or_fetches_or_runs(citation: Citation, text: str) -> None:
    document = citation.excerpt.document
    hostile = Document.of(document.text, title=text, source=text, date=text, language=text, examples=(text,))
    exchanges = [
        Exchange(text, answer_of(text, (citation,), answered=True, forms=(text, text + "?"))),
        Exchange(text, answer_of(text, (citation,), answered=False)),
        Exchange(text, problem=text),
        Exchange(text),
    ]
    sheet = source_html(view_of(hostile, split_sentences(hostile.text), citation, "0"))
    welcome = welcome_html(examples_of([hostile]), one=True)
    for html in (conversation_html(exchanges), welcome, sheet, source_html(None, text)):
        page = Page(html)
        assert page.tags <= TAGS
        assert not {name for name in page.attributes if name.startswith("on")} | page.attributes & {
            "href",
            "src",
            "style",
        }


@given(st.text(st.sampled_from("a\u05d0\u2029\u202e\u2066\u2067\u2068\u2069"), min_size=1))
def test_an_isolated_text_ends_the_isolates_that_it_begins_and_no_other(text: str) -> None:
    inside = isolated(text).removeprefix("<bdi>").removesuffix("</bdi>")
    depth = 0
    for character in inside:
        depth += {"\u2066": 1, "\u2067": 1, "\u2068": 1, "\u2069": -1}.get(character, 0)
        assert depth >= 0
        assert character != "\u2029"
    assert depth == 0
    before, same, after = inside.partition(text.replace("\u2029", " "))
    assert same
    assert set(before + after) <= {"\u2068", "\u2069"}


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_overlap_is_where_both_are(a: int, b: int, c: int, d: int) -> None:
    inner, outer = Span(min(a, b), max(a, b)), Span(min(c, d), max(c, d))
    part = overlap(inner, outer)
    assert outer.covers(part)
    assert set(range(part.start, part.end)) == set(range(inner.start, inner.end)) & set(range(outer.start, outer.end))


def test_an_unanswered_question_says_so_and_marks_nothing() -> None:
    document = Document.of("One thing. Another thing.", title="Things")
    near = citation_of(document, Span(0, 10), Span(0, 3))
    html = conversation_html([Exchange("What?", answer_of("What?", (near,), answered=False))])
    assert "The documents do not answer this." in html
    assert "Closest passages (not answers)" in html
    assert "<mark" not in html
    assert 'class="quote"' not in html
    assert "confidence" not in html


def test_what_was_searched_for_can_be_corrected_where_it_differs() -> None:
    document = Document.of("One thing.", title="Things")
    citations = (citation_of(document, Span(0, 10), Span(0, 3)),)

    def html(*forms: str) -> str:
        return conversation_html([Exchange("It?", answer_of("It?", citations, answered=True, forms=forms), id="7")])

    assert "Searched for" not in html("It?") + html("It?", "What?")
    assert '<label for="searched-7">Searched for</label><input type="text" id="searched-7"' in html("What?", "It?")
    assert 'value="What?"' in html("What?", "It?")
    hostile = html('"><script>alert(1)</script>', "It?")
    assert 'value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in hostile
    assert "<script" not in hostile


def test_where_it_was_searched_for_in_some_documents_alone_they_are_named() -> None:
    document = Document.of("One thing.", title="<b>Things</b>")
    answer = answer_of("It?", (citation_of(document, Span(0, 10), Span(0, 3)),), answered=True, forms=("What?", "It?"))
    chosen = replace(answer.attempts[0], searched_in=(document, Document.of("Two.", title="Others")))
    html = conversation_html([Exchange("It?", replace(answer, attempts=(chosen, *answer.attempts[1:])), id="7")])
    assert ">Searched for in <bdi>&lt;b&gt;Things&lt;/b&gt;</bdi>, <bdi>Others</bdi></label>" in html


@pytest.mark.parametrize(
    ("confidence", "words"),
    [
        (1.0, "Very likely (over 99%)"),
        (0.82, "Likely (82%)"),
        (0.5, "Possibly (50%)"),
        (0.39, "Uncertain (39%)"),  # what counts as answered is never said to be unlikely
        (0.0, "Uncertain (under 1%)"),
    ],
)
def test_confidence_in_words(confidence: float, words: str) -> None:
    assert confidence_in_words(confidence) == words


def test_turns_hold_what_was_answered_and_citations_are_found_again() -> None:
    document = Document.of("One thing. Another thing.", title="Things")
    both = (citation_of(document, Span(0, 10), Span(0, 3)), citation_of(document, Span(11, 25), Span(11, 18), 2))
    conversation = [
        Exchange("a", answer_of("a", both, answered=True)),
        Exchange("b", problem="too long"),
        Exchange("c", answer_of("c", both[:1], answered=False)),
    ]
    assert turns_of(conversation) == (Turn("a", "One thing. Another thing.", (document.id,)), Turn("c", ""))
    first, failed, last = (exchange.id for exchange in conversation)
    assert citation_at(conversation, first, "2") is both[1]
    assert citation_at(conversation, last, "1") is both[0]
    for turn, number in ((failed, "1"), (last, "2"), ("", "1"), (first, "x")):
        assert citation_at(conversation, turn, number) is None


def test_examples_are_few_and_none_is_shown_twice() -> None:
    documents = [Document.of(str(n), title="t", examples=("same?", f"{n}?", f"{n}{n}?")) for n in range(9)]
    examples = examples_of(documents)
    assert len(examples) == len(set(examples)) == 6
    assert examples[:3] == ["same?", "0?", "00?"]


def test_no_more_documents_are_read_than_the_examples_take() -> None:
    read: list[int] = []

    def document(n: int) -> Document:
        read.append(n)
        return Document.of(str(n), title="t", examples=(f"{n}?", f"{n}{n}?"))

    assert len(examples_of(map(document, range(1000)))) == 6
    assert read == [0, 1, 2]


def test_headings_paragraphs_and_very_long_ones_become_blocks() -> None:
    spans = [Span(n, n + 1) for n in range(5)]
    sentences = [
        Sentence(spans[0], 1, heading=True),
        Sentence(spans[1], 1, heading=True),
        Sentence(spans[2], 1),
        Sentence(spans[3], 1),
        Sentence(spans[4], 2),
    ]
    assert [(block.span, block.heading) for block in blocks_of(sentences)] == [
        (Span(0, 1), True),
        (Span(1, 2), True),
        (Span(2, 4), False),
        (Span(4, 5), False),
    ]
    long = [Sentence(Span(n * 3000, (n + 1) * 3000), 1) for n in range(7)]
    assert [(len(block.span), block.continued) for block in blocks_of(long)] == [
        (6000, False),
        (6000, True),
        (6000, True),
        (3000, True),
    ]


def test_a_long_document_is_shown_around_the_citation_and_all_of_it_can_be_reached() -> None:
    document = Document.of("".join(f"Sentence {n} of many.\n" for n in range(50_000)), title="Long")
    sentences: list[Sentence] = []
    start = 0
    for n, line in enumerate(document.text.splitlines(keepends=True)):
        sentences.append(Sentence(Span(start, start + len(line)), n + 1))
        start += len(line)
    target = sentences[25_000].span.trimmed(document.text)
    view = view_of(document, sentences, citation_of(document, target, target), "0")
    html = source_html(view)
    assert len(html) < 500_000
    assert "Show earlier text" in html
    assert "Show later text" in html
    assert Page(html).within("mark.excerpt") == document[target]
    steps = 0
    while view.first > 0 or view.last < len(view.blocks):
        view = view.earlier().later()
        steps += 1
    assert 1 < steps < 40
    assert Page(source_html(view)).within("div.text") == document.text
    start_of_it = view_of(document, sentences)
    assert (start_of_it.first, start_of_it.citation) == (0, None)
    assert (
        source.WINDOW <= sum(len(block.span) for block in start_of_it.blocks[: start_of_it.last]) < source.WINDOW + 100
    )


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("2024", "2024"),
        ("2024-06", "June 2024"),
        ("2024-06-08", "8 June 2024"),
        ("2024-13", "2024-13"),
        ("<i>", "&lt;i&gt;"),
    ],
)
def test_dates_are_written_as_exactly_as_they_are_known(date: str, words: str) -> None:
    document = Document.of("Text.", title="t", date=date)
    assert f"<time>{words}</time>" in source_html(View(document, (), 0, 0))


def test_a_source_is_shown_or_said_to_be_unknown_and_no_document_is_said_too() -> None:
    assert "source not stated" in source_html(View(Document.of("x", title="t"), (), 0, 0))
    assert "<bdi>https://example.invalid/</bdi>" in source_html(
        View(Document.of("x", title="t", source="https://example.invalid/"), (), 0, 0)
    )
    assert "There are no documents yet." in source_html(None)
