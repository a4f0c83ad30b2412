"""The page's HTML: escaped, marked on exact spans, and nothing lost or added."""

from html.parser import HTMLParser
from itertools import accumulate, pairwise

import pytest
from corpus_support import HashEncoder
from hypothesis import example, given
from hypothesis import strategies as st
from memory_corpus import MemoryCorpus
from page_support import judgement_of

from index.text.sentences import split_sentences
from index.types import Document, Sentence, Span, Title
from rag.likelihood import in_words
from rag.types import Answer, Citation, Excerpt, Place, Turn
from ui.page.conversation import Exchange, Quote, answered, find_quote
from ui.page.markup import escaped, isolated, marked, templates
from ui.page.source import WINDOW, Opened, blocks_of, open_more, open_source, source_html
from ui.page.start import TITLES, examples_of, titles_html

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
    *("label", "p", "section", "span", "textarea", "time", "ul"),
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
        self.open.append((tag, dict(attrs).get("class") or ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag, "tags must nest"

    def handle_data(self, data: str) -> None:
        self.pieces.append((tuple(f"{tag}.{names}" for tag, names in self.open), data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError("no comment is ever written")

    handle_decl = handle_pi = unknown_decl = handle_comment

    @property
    def text(self) -> str:
        return "".join(data for _, data in self.pieces)

    def within(self, element: str) -> str:
        return "".join(data for path, data in self.pieces if element in path)


def as_shown(text: str) -> str:
    """What a reader sees of `text`: itself, but for control characters, which are pictured."""
    return Page(f"<p>{escaped(text)}</p>").within("p.")


def citation_of(document: Document, span: Span, words: Span, number: int = 1) -> Citation:
    return Citation(number, Excerpt(document, span), words, "A <b>heading</b>", 2, 1.5)


def exchange_of(
    question: str, *citations: Citation, answers: bool = True, form: str = "", documents: tuple[Document, ...] = ()
) -> Exchange:
    """The exchange of an answer with these citations; `form` was searched for, in `documents` if there are any."""
    within = tuple(document.id for document in documents)
    answer = Answer(
        question=question,
        judgements=(judgement_of(form or question, 0.82 if answers else 0.1, within),),
        status="answered" if answers else "unanswered",
        risk=0.2,
        threshold=0.5,
        citations=citations if answers else (),
        closest=() if answers else citations,
        edition="edition",
        ms={},
    )
    return answered(question, answer, MemoryCorpus(documents, HashEncoder()))


def failed(question: str, problem: str) -> Exchange:
    return Exchange(question, templates.problem(problem))


def sheet_of(document: Document, quote: Quote | None = None) -> str:
    """The source panel with the whole document."""
    blocks = blocks_of(split_sentences(document.text))
    return source_html(Opened(document.id, 0, len(blocks), quote), document, blocks)


def quote_of(citation: Citation) -> Quote:
    return exchange_of("Who?", citation).quotes[0]


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
    html = escaped(text)
    assert not set(html) & set("<>\"'")
    seen = as_shown(text)
    assert len(seen) == len(text)
    assert all(a == b or not (a.isprintable() or a in "\t\n\r\f") for a, b in zip(text, seen, strict=True))
    assert not any(c in seen for c in "\x00\x1b\x7f\x9b")


@given(cited())
def test_the_marked_text_of_the_source_is_the_excerpt_and_the_whole_text_is_the_documents(citation: Citation) -> None:
    document = citation.excerpt.document
    page = Page(sheet_of(document, quote_of(citation)))
    assert page.within("mark.excerpt") == as_shown(citation.excerpt.text)
    assert page.within("mark.words") == as_shown(document[citation.highlight])
    assert page.within("div.text") == as_shown(document.text)
    assert page.within("h2.") == as_shown(document.title)


@given(cited(), st.booleans(), st.text(min_size=1) | st.sampled_from(TRICKY))
def test_the_conversation_quotes_exactly(citation: Citation, answers: bool, question: str) -> None:
    page = Page(templates.conversation([exchange_of(question, citation, answers=answers)]))
    assert page.within("blockquote.") == as_shown(citation.excerpt.text)
    assert page.within("mark.words") == (as_shown(citation.excerpt.document[citation.highlight]) if answers else "")
    assert page.within("h2.question") == "You asked: " + as_shown(question)


@given(cited(), st.sampled_from(TRICKY))
def test_nothing_in_the_page_is_a_link_or_fetches_or_runs(citation: Citation, text: str) -> None:
    document = citation.excerpt.document
    hostile = Document.of(document.text, title=text, source=text, date=text, language=text, examples=(text,))
    exchanges = [
        exchange_of(text, citation, form=text + "?"),
        exchange_of(text, citation, answers=False),
        failed(text, text),
        Exchange(text),
    ]
    welcome = templates.welcome(examples_of([hostile]), one=True)
    for html in (
        templates.conversation(exchanges),
        welcome,
        sheet_of(hostile, quote_of(citation)),
        titles_html([Title(text, text)]),
        templates.no_source(text),
    ):
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
def test_a_mark_holds_the_part_of_its_span_that_the_text_has(a: int, b: int, c: int, d: int) -> None:
    text, span = "0123456789"[min(a, b) : max(a, b)], Span(min(c, d), max(c, d))
    html = marked(text, min(a, b), (span, "<mark>"))
    assert Page(f"<p>{html}</p>").within("mark.") == "".join(one for one in text if span.start <= int(one) < span.end)
    assert Page(f"<p>{html}</p>").text == text


def test_an_unanswered_question_says_so_and_marks_nothing() -> None:
    document = Document.of("One thing. Another thing.", title="Things")
    near = citation_of(document, Span(0, 10), Span(0, 3))
    html = templates.conversation([exchange_of("What?", near, answers=False)])
    assert "The documents do not answer this." in html
    assert "Closest passages (not answers)" in html
    assert "<mark" not in html
    assert 'class="quote"' not in html
    assert "confidence" not in html


def test_the_form_that_was_searched_for_can_be_corrected_if_it_is_not_the_question() -> None:
    assert "Searched for" not in templates.conversation([exchange_of("It?")])
    exchange = exchange_of("It?", form="What?")
    page = Page(templates.conversation([exchange]))
    assert page.within("label.") == "Searched for"
    assert page.within("textarea.") == "What?"
    assert f'<label for="searched-{exchange.id}">' in exchange.reply
    assert f'<textarea id="searched-{exchange.id}"' in exchange.reply
    hostile = exchange_of("It?", form="</textarea><script>alert(1)</script>")
    assert "&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;</textarea>" in hostile.reply
    assert "<script" not in hostile.reply


def test_the_documents_that_were_searched_are_named_if_they_are_not_all() -> None:
    things, others = Document.of("One thing.", title="<b>Things</b>"), Document.of("Two.", title="Others")
    exchange = exchange_of("It?", form="What?", documents=(things, others))
    assert ">Searched for in <bdi>&lt;b&gt;Things&lt;/b&gt;</bdi>, <bdi>Others</bdi></label>" in exchange.reply
    assert exchange.documents == {things.id, others.id}


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
    assert in_words(confidence) == words


def test_turns_hold_what_was_answered_and_quotes_are_found_again() -> None:
    document = Document.of("One thing. Another thing.", title="Things")
    both = (citation_of(document, Span(0, 10), Span(0, 3)), citation_of(document, Span(11, 25), Span(11, 18), 2))
    conversation = (exchange_of("a", *both), failed("b", "too long"), exchange_of("c", both[0], answers=False))
    first, problem, last = conversation
    shown = (Place(document.id, Span(0, 10)), Place(document.id, Span(11, 25)))
    assert [one.turn for one in conversation] == [Turn("a", shown=shown), None, Turn("c")]
    second = find_quote(conversation, first.id, "2")
    assert second is not None
    assert (second.number, second.document, second.span, second.words) == (2, document.id, Span(11, 25), Span(11, 18))
    assert find_quote(conversation, last.id, "1") == last.quotes[0]
    for exchange, number in ((problem.id, "1"), (last.id, "2"), ("", "1"), (first.id, "x")):
        assert find_quote(conversation, exchange, number) is None


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


class Lines(MemoryCorpus):
    """A corpus of one document, in which every line is a paragraph."""

    def __init__(self, document: Document) -> None:
        super().__init__((), HashEncoder())
        self._document = document
        ends = list(accumulate(len(line) for line in document.text.splitlines(keepends=True)))
        self._lines = [Sentence(Span(*ends), n) for n, ends in enumerate(pairwise([0, *ends]), start=1)]

    def document(self, id: str) -> Document:
        return self._document

    def sentences(self, id: str) -> list[Sentence]:
        return self._lines


def test_a_long_document_is_shown_around_the_citation_and_all_of_it_can_be_reached() -> None:
    document = Document.of("".join(f"Sentence {n} of many.\n" for n in range(15_000)), title="Long")
    corpus = Lines(document)
    target = corpus.sentences("")[7_500].span.trimmed(document.text)
    opened, html = open_source(corpus, document.id, quote_of(citation_of(document, target, target)), "0")
    assert len(html) < 500_000
    assert "Show earlier text" in html
    assert "Show later text" in html
    assert Page(html).within("mark.excerpt") == document[target]
    steps = 0
    while "Show earlier text" in html or "Show later text" in html:
        opened, html = open_more(corpus, opened, earlier="Show earlier text" in html)
        steps += 1
    assert 1 < steps < 20
    assert Page(html).within("div.text") == document.text
    opened, html = open_source(corpus, document.id)
    assert "Show earlier text" not in html
    assert WINDOW <= len(Page(html).within("div.text")) < WINDOW + 100


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
    assert f"<time>{words}</time>" in sheet_of(Document.of("Text.", title="t", date=date))


def test_a_source_is_shown_or_said_to_be_unknown() -> None:
    assert "source not stated" in sheet_of(Document.of("x", title="t"))
    source = "https://example.invalid/"
    assert f"<bdi>{source}</bdi>" in sheet_of(Document.of("x", title="t", source=source))


def test_more_titles_than_are_listed_at_a_time_can_be_asked_for() -> None:
    titles = [Title(f"id{n}", f"Title {n}") for n in range(TITLES + 1)]
    assert "Show the next ones" not in titles_html(titles[:TITLES])
    page = titles_html(titles)
    assert page.count('data-event="open"') == TITLES
    assert f'data-event="find" data-after="id{TITLES - 1}"' in page
    assert 'aria-disabled="true"' in titles_html(())
