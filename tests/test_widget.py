"""The widget in Chromium: in a bubble, inline and on the article itself, in pages that do not know of it."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from page_support import FakeAnswerer, article, hostile_article
from playwright.sync_api import Browser, expect
from widget_support import CONTRASTS_INSIDE, SCRIPT, Api, Visit, as_written, sample, site, trying, visiting

from index.types import Document

pytestmark = pytest.mark.browser

QUESTION = "Who is North Korea’s largest economic partner?"
EXCERPT = (
    "Despite the likely increase in cooperation in advanced military technology between Moscow and Pyongyang, "
    "China remains North Korea’s largest economic partner."
)
WORDS = "Moscow and Pyongyang, China remains North Korea’s largest economic partner."
UNSIGNED = "This page could not sign you in. Sign in to it again and reload it."
PAGES = ["home.html", "search.html", "article.html"]
PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with site(Api(FakeAnswerer(article()))) as url:
        yield url


def begin(visit: Visit, name: str) -> None:
    if name != "search.html":
        visit.open()
    visit.ask(QUESTION)


def test_the_script_is_small() -> None:
    assert len(gzip.compress(SCRIPT.read_bytes())) < 15_000


@pytest.mark.parametrize("name", PAGES)
def test_a_question_is_answered_in_quotations(browser: Browser, address: str, name: str) -> None:
    with visiting(browser, address, name) as visit:
        begin(visit, name)
        quote = visit.page.locator(".quote").first
        expect(quote.locator("blockquote")).to_have_text(EXCERPT)
        expect(quote.locator("blockquote mark")).to_have_text(WORDS)
        expect(quote.locator(".cite")).to_contain_text(
            f"[1] {article().title}, under “Assertion of mutual defence – and China’s influence”, paragraph 13"
        )
        assert visit.told == [
            ["ready", {"mode": {"home.html": "bubble", "search.html": "inline", "article.html": "page"}[name]}],
            ["asked", {"question": QUESTION}],
            ["answered", {"id": visit.told[-1][1]["id"], "status": "answered", "citations": 2}],
        ]
        expect(visit.box).to_be_focused()
        expect(visit.page.get_by_role("log")).to_have_attribute("aria-live", "polite")


def test_a_conversation_goes_along_and_begins_anew(browser: Browser) -> None:
    api = Api(FakeAnswerer(article()))
    with trying(browser, "home.html", api) as visit:
        begin(visit, "home.html")
        expect(visit.page.locator(".searched")).to_have_count(0)
        visit.ask("And Russia’s?")
        assert api.histories[1][0]["question"] == QUESTION
        assert api.histories[1][0]["answer"].startswith(EXCERPT)
        assert api.histories[1][0]["documents"] == [article().id]
        expect(visit.page.locator(".searched")).to_have_text(f"Searched for: {QUESTION} And Russia’s?")
        for number in range(11):
            visit.ask(f"What is number {number}?")
        assert [turn["question"] for turn in api.histories[-1]] == [f"What is number {n}?" for n in range(10)]

        visit.page.get_by_role("button", name="New conversation").click()
        expect(visit.page.locator(".log article")).to_have_count(0)
        expect(visit.box).to_be_focused()
        visit.ask(QUESTION)
        assert api.histories[-1] == []


def test_where_it_was_searched_for_in_some_documents_alone_they_are_named(browser: Browser) -> None:
    hostile, other = replace(article(), title="<b>The</b> article"), Document.of("Cats sleep all day.", title="Cats")
    with trying(browser, "home.html", Api(FakeAnswerer(hostile, other))) as visit:
        begin(visit, "home.html")
        visit.ask("And Russia’s?")
        expected = f"Searched for in <b>The</b> article: {QUESTION} And Russia’s?"
        expect(visit.page.locator(".searched")).to_have_text(expected)


def test_what_is_given_up_comes_to_nothing(browser: Browser) -> None:
    api = Api(FakeAnswerer(article()))
    with trying(browser, "search.html", api) as visit:
        api.gate.clear()
        visit.box.fill("A slow question")
        visit.page.keyboard.press("Enter")
        expect(visit.page.locator(".pending")).to_be_visible()
        expect(visit.page.locator(".log")).to_have_attribute("aria-busy", "true")
        expect(visit.page.get_by_role("button", name="Ask", exact=True)).to_have_attribute("aria-disabled", "true")
        visit.box.fill("Another meanwhile")
        visit.page.keyboard.press("Enter")
        expect(visit.page.locator(".log article")).to_have_count(1)
        visit.page.get_by_role("button", name="New conversation").click()
        api.gate.set()
        visit.ask(QUESTION)
        expect(visit.page.locator(".log article")).to_have_count(1)
        assert api.histories[-1] == []


def test_where_the_documents_do_not_answer_it_says_so(browser: Browser, address: str) -> None:
    with visiting(browser, address, "search.html") as visit:
        visit.ask("Who won the cup?")
        expect(visit.page.locator(".unanswered")).to_have_text("The documents do not answer this.")
        expect(visit.page.get_by_role("heading", name="Closest passages (not answers)")).to_be_visible()
        expect(visit.page.locator(".near")).to_have_count(3)
        for answering in (".quote", ".log mark"):
            expect(visit.page.locator(answering)).to_have_count(0)


def test_what_helped_is_told(browser: Browser) -> None:
    api = Api(FakeAnswerer(article()))
    with trying(browser, "search.html", api) as visit:
        visit.ask(QUESTION)
        thumb = visit.page.get_by_role("button", name="Not helpful")
        thumb.click()
        expect(visit.page.locator(".judged")).to_contain_text("Thank you.")
        expect(thumb).to_have_attribute("aria-pressed", "true")
        assert api.feedback == [{"id": "row-1", "verdict": "down"}]


@pytest.mark.parametrize("question", [QUESTION, "Who won the cup?"])
def test_where_feedback_is_not_kept_none_is_asked_for(browser: Browser, question: str) -> None:
    api = Api(FakeAnswerer(article()), keeps_feedback=False)
    with trying(browser, "search.html", api) as visit:
        visit.ask(question)
        expect(visit.page.locator(".quote, .near").first).to_be_visible()
        expect(visit.page.locator(".judged")).to_have_count(0)
        expect(visit.page.get_by_role("button", name="helpful")).to_have_count(0)


def test_what_a_503_says_of_itself_is_shown_as_it_is(browser: Browser) -> None:
    detail = "It cannot be found out just now <b>who</b> is asking"
    api = Api(FakeAnswerer(article()), refusals=[(503, {"retry-after": "10"})], detail=detail)
    with trying(browser, "search.html", api) as visit:
        visit.ask(QUESTION)
        expect(visit.page.locator(".problem")).to_have_text(detail)
        assert visit.told[-1] == ["failed", {"status": 503, "detail": detail}]
        visit.complaints.clear()


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((429, {"retry-after": "30"}), "Too many questions in a short time. Try again in 30 seconds."),
        ((429, {}), "Too many questions in a short time. Try again in a moment."),
        ((503, {"retry-after": "1"}), "Too much is being asked just now. Try again in 1 second."),
        ((503, {"retry-after": "600"}), "Too much is being asked just now. Try again in 10 minutes."),
        ((503, {"retry-after": "Mon, 02 Jan 2006 15:04:05 GMT"}), "Too much is being asked just now. Try again in a"),
        ((401, {}), "You are not signed in. Sign in, then ask again."),
        ((403, {}), "This was refused"),
    ],
)
def test_what_goes_wrong_is_said_plainly(browser: Browser, refusal: tuple[int, dict[str, str]], words: str) -> None:
    api = Api(FakeAnswerer(article()))
    with trying(browser, "search.html", api) as visit:
        api.refusals.append(refusal)
        visit.ask(QUESTION)
        problem = visit.page.locator(".problem")
        expect(problem).to_contain_text(words)
        assert visit.told[-1] == ["failed", {"status": refusal[0], "detail": problem.text_content()}]
        expect(visit.box).to_have_value(QUESTION)
        visit.page.keyboard.press("Enter")
        expect(visit.page.locator(".quote").first).to_be_visible()
        assert api.histories == [[]]
        assert len(visit.complaints) == 1, "Chromium's own line about the refused request"
        assert str(refusal[0]) in visit.complaints.pop()


def test_a_question_that_cannot_be_asked_and_a_server_that_is_gone(browser: Browser) -> None:
    with trying(browser, "search.html") as visit:
        visit.ask("x" * 2001)
        expect(visit.page.locator(".problem")).to_have_text(
            "The question is longer than 2000 characters. Ask a shorter one."
        )
        visit.page.route("**/api/v1/ask", lambda route: route.abort())
        visit.ask("Is anyone there?")
        expect(visit.page.locator(".problem").last).to_have_text(
            "The service could not be reached. Check the connection, then ask again."
        )
        visit.complaints.clear()


# --- the words in the host's own text


@pytest.mark.parametrize("options", [{}, PHONE], ids=["wide", "phone"])
def test_a_citation_marks_the_words_of_the_page_itself(browser: Browser, address: str, options: dict[str, Any]) -> None:
    with visiting(browser, address, "article.html", **options) as visit:
        begin(visit, "article.html")
        assert visit.marked() == ""
        visit.cite(1).click()
        assert as_written(visit.marked()) == EXCERPT
        assert as_written(visit.marked("words")) == WORDS
        assert "eco\u00adnomic" in visit.marked()
        assert visit.words_in_sight()
        expect(visit.cite(1)).to_have_attribute("aria-current", "true")
        expect(visit.page.locator("p[role=status]")).to_have_text("Citation 1 is marked in the page.")
        assert visit.told[-1][0] == "opened"
        assert visit.told[-1][1]["marked"] is True

        visit.cite(2).click()
        assert as_written(visit.marked()) == visit.page.locator(".quote blockquote").nth(1).text_content()
        assert visit.words_in_sight()
        expect(visit.cite(1)).not_to_have_attribute("aria-current", "true")

        visit.page.get_by_role("button", name="Close").click()
        assert visit.marked() == ""


def test_every_sentence_of_the_article_is_found_in_its_page(browser: Browser) -> None:
    answerer = FakeAnswerer(article())
    document = article()
    with site(Api(answerer)) as url, visiting(browser, url, "article.html") as visit:
        visit.open()
        for sentence in answerer.corpus.sentences(document.id):
            if sentence.heading:
                continue
            span = sentence.span.trimmed(document.text)
            visit.box.fill(document[span])
            visit.page.keyboard.press("Enter")
            visit.settled()
            visit.cite(1).click()
            assert as_written(visit.marked()) == " ".join(document[span].split())
            visit.page.get_by_role("button", name="New conversation").click()


def test_of_like_words_those_with_the_same_around_them_are_marked(browser: Browser) -> None:
    first, second = "Nothing has changed in the harbour.", "The committee met on Monday."
    text = f"In May they wrote:\n{second} {first}\nIn June they wrote:\n{first} {second}\nIn July:\n{second}"
    document = Document.of(text, title="Minutes")
    minutes = "".join(f"<p id=p{n}>{line}</p>" for n, line in enumerate(text.splitlines()))
    page = sample("article.html", ('<div class="byline">', f"{minutes}<div>"))

    class Last(FakeAnswerer):
        def _scored(self, question: str) -> Iterator[Any]:
            found = list(super()._scored(question))
            return iter([*found[4:], *found[:4]])

    with trying(browser, "article.html", Api(Last(document)), {"article.html": page}) as visit:
        visit.open()
        visit.ask("When was it that the committee met on Monday?")
        places = []
        for number in (1, 2):
            visit.cite(number).click()
            assert visit.marked() == second
            places.append(
                visit.page.evaluate("[...CSS.highlights.get('quoth-excerpt')][0].startContainer.parentElement.id")
            )
        assert sorted(places) == sorted(set(places))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<strong>largest eco&shy;nomic</strong>", "<!-- x --><b>l<i>a</i>rgest</b> e\u200bconomic"),
        ("<strong>largest eco&shy;nomic</strong>", "largest<script>1</script> <span hidden>nearly</span>economic"),
        ("<strong>largest eco&shy;nomic</strong>", "largest<br><style>p {}</style>eco<wbr>nomic"),
        ("China remains North Korea’s", "China remains North Korea's"),
        ("China remains North Korea’s", "China&#8203;\n\n remains&nbsp;North&nbsp;Korea’s"),
    ],
)
def test_how_the_page_is_written_does_not_matter(browser: Browser, before: str, after: str) -> None:
    page = sample("article.html", (before, after))
    with trying(browser, "article.html", pages={"article.html": page}) as visit:
        begin(visit, "article.html")
        visit.cite(1).click()
        assert as_written(visit.marked()).startswith("Despite the likely increase in cooperation")
        assert as_written(visit.marked()).endswith("partner.")
        visit.complaints = [line for line in visit.complaints if "Content Security Policy" not in line]


def test_where_the_page_says_otherwise_nothing_is_marked_and_it_is_said(browser: Browser) -> None:
    page = sample("article.html", ("China remains North", "China is still North"))
    with trying(browser, "article.html", pages={"article.html": page}) as visit:
        begin(visit, "article.html")
        visit.cite(1).click()
        expect(visit.page.get_by_role("alert")).to_contain_text("This page does not have these words")
        expect(visit.page.locator(".quote blockquote").first).to_have_text(EXCERPT)
        assert visit.marked() == ""
        assert visit.told[-1][1]["marked"] is False
        visit.cite(2).click()
        assert visit.marked() != ""


def test_words_in_what_is_folded_are_unfolded(browser: Browser) -> None:
    page = sample(
        "article.html",
        ("<h2>The urgent need", "<details><summary>More</summary><h2>The urgent need"),
        ("</article>", "</details></article>"),
    )
    with trying(browser, "article.html", pages={"article.html": page}) as visit:
        visit.open()
        visit.ask("What sanctions-violating behaviour will continue apace?")
        visit.cite(1).click()
        assert "continue apace" in as_written(visit.marked())
        assert visit.words_in_sight()


def test_words_in_a_part_of_the_page_that_scrolls_by_itself_come_into_sight(browser: Browser) -> None:
    page = sample("article.html", ("</head>", '<link rel="stylesheet" href="shell.css"></head>'))
    shell = "body { height: 100vh; overflow: hidden; } main { height: 75vh; overflow: auto; }"
    with trying(browser, "article.html", pages={"article.html": page, "shell.css": shell}) as visit:
        begin(visit, "article.html")
        visit.cite(1).click()
        assert as_written(visit.marked()) == EXCERPT
        assert visit.words_in_sight()


def test_words_are_not_brought_under_a_head_that_stays_where_it_is(browser: Browser) -> None:
    page = sample("article.html", ("</head>", '<link rel="stylesheet" href="head.css"></head>'))
    with trying(browser, "article.html", pages={"article.html": page, "head.css": ".top { height: 400px; }"}) as visit:
        begin(visit, "article.html")
        visit.cite(1).click()
        assert visit.words_in_sight()


def test_on_the_article_what_stands_on_another_page_can_be_opened_there(browser: Browser) -> None:
    other = Document.of("The lighthouse keeper lives beside the harbour.", title="Keeper", source="https://intranet/k")
    with trying(browser, "article.html", Api(FakeAnswerer(other))) as visit:
        visit.open()
        visit.ask("Where lives the lighthouse keeper?")
        original = visit.page.get_by_role("link", name="Open the original")
        expect(original).to_have_attribute("href", re.compile(r"^https://intranet/k#:~:text=The%20lighthouse"))
        visit.cite(1).click()
        expect(visit.page.get_by_role("alert")).to_contain_text("This page does not have these words")


def test_offsets_are_code_points(browser: Browser) -> None:
    text = (
        "A \U0001f468\u200d\U0001f469\u200d\U0001f467 and \U0001d54f\U0001d550 family lives 😀 beside the old harbour."
    )
    page = sample("article.html", ('<div class="byline">', f"<p>{text}</p><div>"))
    document = Document.of(f"\U0001f600 First.\n{text}", title="Family")
    api = Api(FakeAnswerer(document))
    with trying(browser, "article.html", api, {"article.html": page}) as visit:
        visit.open()
        visit.ask("Which family lives beside the harbour?")
        expect(visit.page.locator(".quote blockquote").first).to_have_text(text)
        words = visit.page.locator(".quote mark").first.text_content() or ""
        citation = api.answerer.ask("Which family lives beside the harbour?").citations[0]
        assert words == document[citation.highlight]
        visit.cite(1).click()
        assert visit.marked() == text
        assert visit.marked("words") == words


# --- citations elsewhere


def test_a_citation_opens_the_original_at_its_words(browser: Browser, address: str) -> None:
    document = replace(article(), source=f"{address}/article.html")
    with trying(browser, "home.html", Api(FakeAnswerer(document))) as visit:
        visit.addresses.append(address)
        begin(visit, "home.html")
        cite = visit.page.get_by_role("link", name="[1]")
        href = cite.get_attribute("href") or ""
        assert href.startswith(f"{address}/article.html#:~:text=")
        assert "-,Despite%20the%20likely" in href
        assert cite.get_attribute("rel") == "noopener"
        with visit.page.context.expect_page() as opened:
            cite.click()
        words = opened.value.locator("strong", has_text="largest")
        expect(words).to_be_in_viewport()
        assert visit.told[-1] == ["opened", {"number": 1, "document_id": document.id}]


def test_a_citation_of_what_no_browser_opens_shows_what_stands_around_it(browser: Browser) -> None:
    document = replace(article(), source="javascript:window.hacked=1")
    with trying(browser, "home.html", Api(FakeAnswerer(document))) as visit:
        begin(visit, "home.html")
        visit.cite(1).click()
        around = visit.page.get_by_role("group", name="Around citation 1")
        expect(around.locator("strong")).to_have_text(EXCERPT)
        expect(around.locator("strong")).to_be_in_viewport()
        assert (around.text_content() or "").strip("…") in document.text
        visit.cite(1).click()
        expect(around).to_have_count(0)
        expect(visit.page.locator("quoth-widget a")).to_have_count(0)


# --- whatever the document and the page are


@pytest.mark.parametrize("name", PAGES)
def test_a_hostile_document_is_text_and_fetches_nothing(browser: Browser, name: str) -> None:
    document = hostile_article()
    with trying(browser, name, Api(FakeAnswerer(document))) as visit:
        if name != "search.html":
            visit.open()
        for number in range(10):
            visit.ask(f"What says the hostile sentence number {number} to whom?")
            for shown in visit.page.locator(".log article").last.locator("blockquote").all_text_contents():
                assert shown in document.text
            visit.cite(1).click()
        visit.ask(document.examples[0])
        widget = visit.page.locator("quoth-widget")
        for tag in ("script", "img", "iframe", "svg[onload]", "a", "b"):
            expect(widget.locator(tag)).to_have_count(0)
        expect(visit.page.locator(".log .title").first).to_have_text(document.title)
        assert visit.page.evaluate("window.hacked") is None


HOSTILE = """
* { display: none !important; visibility: hidden !important; opacity: 0 !important; }
html, head, body { display: block !important; visibility: visible !important; opacity: 1 !important; }
quoth-widget {
  position: static !important; width: 0 !important; height: 0 !important; scale: 0 !important; color: red !important;
  font: 3px fantasy !important; clip-path: inset(50%) !important; pointer-events: none !important;
  direction: rtl !important; text-transform: uppercase !important; content-visibility: hidden !important;
}
div, section, dialog, button, p, h2, textarea, :host { all: unset !important; font-size: 2px !important; }
html {
  writing-mode: vertical-rl; line-height: 9; text-align: end; word-spacing: 4em; cursor: none; user-select: none;
}
"""


# of every element in the widget, what a page could have changed
LOOKS = """() => {
  const names = "color cursor direction fontFamily fontSize letterSpacing lineHeight opacity textAlign"
    + " textTransform userSelect visibility wordSpacing writingMode backgroundColor borderTopWidth display padding";
  return [...document.querySelector("quoth-widget").shadowRoot.querySelectorAll("*")].map(
    (one) => [one.localName, ...names.split(" ").map((name) => getComputedStyle(one)[name])]);
}"""


@pytest.mark.parametrize("name", ["home.html", "search.html"])
def test_no_host_style_reaches_it(browser: Browser, address: str, name: str) -> None:
    pages = {name: sample(name, ("intranet.css", "hostile.css")), "hostile.css": HOSTILE}
    pages[name] = pages[name].replace(' data-target="#questions"', ' data-target="body"')
    plain = {name: sample(name, ("intranet.css", "plain.css")), "plain.css": ""}
    looks: list[list[Any]] = []
    for served in (plain, pages):
        with trying(browser, name, pages=served) as visit:
            begin(visit, name)
            expect(visit.page.locator(".quote").first).to_be_visible()
            looks.append(visit.page.evaluate(LOOKS))
    assert looks[0] == looks[1]


def test_it_takes_the_looks_that_it_is_given(browser: Browser) -> None:
    page = sample("search.html", ("</head>", '<link rel="stylesheet" href="theme.css"></head>'))
    theme = (
        ":root { --quoth-accent: rgb(120, 0, 90); --quoth-font: monospace; --quoth-radius: 0px; --quoth-scheme: light;"
        " --quoth-background: rgb(250, 250, 240); --quoth-text: rgb(10, 20, 30); }"
    )
    with trying(browser, "search.html", pages={"search.html": page, "theme.css": theme}, color_scheme="dark") as visit:
        panel, ask = visit.page.locator(".panel"), visit.page.get_by_role("button", name="Ask", exact=True)
        for element, name, value in (
            (panel, "background-color", "rgb(250, 250, 240)"),
            (panel, "color", "rgb(10, 20, 30)"),
            (panel, "font-family", "monospace"),
            (panel, "border-radius", "0px"),
            (ask, "background-color", "rgb(120, 0, 90)"),
        ):
            expect(element).to_have_css(name, value)


# --- for everyone


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_it_is_legible_in_light_and_in_dark(browser: Browser, name: str, scheme: str) -> None:
    api = Api(FakeAnswerer(article()))
    with trying(browser, name, api, color_scheme=scheme) as visit:
        if name != "search.html":
            assert visit.page.evaluate(CONTRASTS_INSIDE) == []
            visit.open()
        assert visit.page.evaluate(CONTRASTS_INSIDE) == []
        visit.ask(QUESTION)
        visit.cite(1).click()
        visit.page.get_by_role("button", name="Helpful", exact=True).click()
        expect(visit.page.locator(".judged")).to_contain_text("Thank you.")
        visit.ask("Who won the cup?")
        api.refusals.append((503, {}))
        visit.ask("And then?")
        assert visit.page.evaluate(CONTRASTS_INSIDE) == []
        visit.complaints.clear()


def test_everything_can_be_done_with_the_keyboard(browser: Browser, address: str) -> None:
    with visiting(browser, address, "article.html") as visit:
        page, keyboard = visit.page, visit.page.keyboard
        launcher = page.get_by_role("button", name="Ask about this page")
        expect(launcher).to_have_attribute("aria-expanded", "false")
        launcher.focus()
        keyboard.press("Enter")
        expect(page.get_by_role("dialog", name="Ask about this page")).to_be_visible()
        expect(visit.box).to_be_focused()
        keyboard.type("Who is the largest")
        keyboard.press("Shift+Enter")
        keyboard.type("economic partner?")
        expect(visit.box).to_have_value("Who is the largest\neconomic partner?")
        keyboard.press("Enter")
        visit.settled()
        expect(visit.box).to_have_value("")

        for name in ("Not helpful", "Helpful", "[2]", "[1]"):
            keyboard.press("Shift+Tab")
            expect(page.locator(".panel :focus")).to_have_accessible_name(re.compile(f"^{re.escape(name)}"))
            outline = page.locator(".panel :focus").evaluate("one => getComputedStyle(one).outlineStyle")
            assert outline != "none"
        keyboard.press("Enter")
        assert as_written(visit.marked()) == EXCERPT
        expect(visit.cite(1)).to_be_focused()
        keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(launcher).to_be_focused()
        keyboard.press("Space")
        expect(visit.box).to_be_focused()
        expect(visit.cite(1)).to_be_visible()


def test_a_panel_closed_and_opened_at_once_stays_open(browser: Browser, address: str) -> None:
    with visiting(browser, address, "article.html") as visit:
        visit.open()
        expect(visit.box).to_be_focused()
        # the browser tells of a close in a later task: by then, this panel is open again
        visit.page.locator(".panel").evaluate(
            "async (panel) => {"
            " const late = new Promise((done) => panel.addEventListener('close', done, { once: true }));"
            " panel.querySelector('.close').click();"
            " panel.getRootNode().querySelector('.launcher').click();"
            " await late; }"
        )
        expect(visit.page.locator(".launcher")).to_be_hidden()
        assert visit.box.evaluate("box => box.getRootNode().activeElement === box")


def test_blank_questions_are_not_asked(browser: Browser) -> None:
    api = Api(FakeAnswerer(article()))
    with trying(browser, "search.html", api) as visit:
        visit.box.fill("  ")
        visit.page.keyboard.press("Enter")
        visit.page.get_by_role("button", name="Ask", exact=True).click()
        visit.ask(QUESTION)
        assert len(api.histories) == 1


@pytest.mark.parametrize("name", PAGES)
def test_it_fits_a_phone(browser: Browser, address: str, name: str) -> None:
    with visiting(browser, address, name, **PHONE) as visit:
        begin(visit, name)
        expect(visit.page.locator(".quote blockquote").first).to_be_in_viewport()
        assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        panel = visit.page.locator(".panel").bounding_box()
        assert panel is not None
        assert panel["x"] >= 0
        assert panel["x"] + panel["width"] <= 390
        if name == "home.html":
            assert panel["height"] == 780
            assert visit.page.evaluate("document.activeElement.localName") == "quoth-widget"
            for _ in range(12):
                visit.page.keyboard.press("Tab")
                assert visit.page.evaluate("document.activeElement.localName") in ("quoth-widget", "body")
            visit.page.keyboard.press("Escape")
            expect(visit.page.get_by_role("button", name="Ask the briefings")).to_be_focused()


# --- on another origin


@pytest.mark.parametrize("way", ["data-token-url", "window.quothToken"])
def test_another_origin_asks_with_tokens_and_without_cookies(browser: Browser, way: str) -> None:
    api = Api(FakeAnswerer(article()), tokens={"one", "two"})
    pages = {"token": "one", "token.js": "window.quothToken = async () => (await fetch('token')).text();"}
    with site(api, abroad=True) as home, site(None, pages, other=home) as local:
        script = f'<script src="{home}/quoth.js"'
        more = (
            f'{script} data-token-url="token"'
            if way == "data-token-url"
            else f'<script src="token.js"></script>{script}'
        )
        pages["home.html"] = sample("home.html", ('<script src="quoth.js"', more))
        host = local.replace("127.0.0.1", "localhost")
        with visiting(browser, host, "home.html") as visit:
            visit.addresses.append(home)
            visit.page.context.add_cookies([{"name": "session", "value": "secret", "url": home}])
            begin(visit, "home.html")
            expect(visit.page.locator(".quote").first).to_be_visible()
            assert api.bearers == {"Bearer short-one"}

            pages["token"] = "two"
            api.bearers.clear()  # what was given out has expired
            visit.ask("When did Kim Jong Un visit Russia?")
            expect(visit.page.locator(".quote").first).to_be_visible()
            assert api.bearers == {"Bearer short-two"}

            api.bearers.clear()
            visit.ask("What did Putin give Kim Jong Un?")
            expect(visit.page.locator(".problem")).to_have_text(UNSIGNED)
            api.refusals.append((429, {"retry-after": "90"}))
            visit.ask("And now?")
            expect(visit.page.locator(".problem").last).to_contain_text("in 90 seconds")

            assert not any("cookie" in headers for headers in api.headers)
            assert visit.page.context.cookies(host) == []
            assert visit.page.evaluate("localStorage.length + sessionStorage.length") == 0
            assert all("the server responded with a status of 4" in line for line in visit.complaints)
            visit.complaints.clear()


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("new Promise(() => {})", "This took too long. Try again."),
        ("Promise.reject(new Error('x'))", UNSIGNED),
        ("(() => { throw new Error('x'); })()", UNSIGNED),
    ],
)
def test_a_page_that_gives_no_token_leaves_nobody_waiting(browser: Browser, says: str, words: str) -> None:
    pages = {
        "home.html": sample("home.html", ("<script", '<script src="token.js"></script><script')),
        "token.js": f"window.quothToken = () => {says};",
    }
    with trying(browser, "home.html", Api(FakeAnswerer(article()), tokens=set()), pages) as visit:
        visit.page.clock.install()
        visit.page.reload()
        visit.open()
        visit.box.fill(QUESTION)
        visit.page.keyboard.press("Enter")
        expect(visit.page.locator(".log article")).to_have_count(1)
        visit.page.clock.fast_forward(61_000)
        expect(visit.page.locator(".problem")).to_have_text(words)
        expect(visit.box).to_have_value(QUESTION)
        visit.settled()
