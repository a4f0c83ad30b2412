"""The page in Chromium: by mouse and by keyboard, wide and narrow, light and dark, with friendly and hostile texts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from page_support import FakeAnswerer, article, hostile_article, serving
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from ui.app import create_app

pytestmark = pytest.mark.browser

QUESTION = "Who is North Korea’s largest economic partner?"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]

# WCAG's contrast of every piece of text with what lies behind it; the worst ones.
CONTRASTS = """() => {
  const parse = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = (c) => c.slice(0, 3).map((v) => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.data.trim() || element.closest("script, style")) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < 4.5) bad.push([node.data, contrast]);
  }
  return bad;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing, and CI must try the page")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(create_app(FakeAnswerer(article()))) as url:
        yield url


class Watched:
    """A visit in a browser, of which every request and every complaint is kept."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("requestfailed", self._failed)
        context.on(
            "response", lambda response: response.ok or self.complaints.append(f"{response.status} {response.url}")
        )
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        context.on(
            "console",
            lambda message: message.type in ("error", "warning") and self.complaints.append(message.text),
        )
        self.page: Page = context.new_page()
        self.address = address
        self.page.goto(address)
        expect(self.page.locator(".welcome")).to_be_visible(timeout=30_000)

    def _failed(self, request: Request) -> None:
        # gradio's script hangs up by itself when an answer has arrived
        if not ("/queue/data" in request.url and request.failure == "net::ERR_ABORTED"):
            self.complaints.append(f"{request.url} {request.failure}")

    def ask(self, question: str) -> None:
        number = self.page.locator(".exchange").count()
        self.page.get_by_label("Your question").fill(question)
        self.page.keyboard.press("Enter")
        expect(self.page.locator(".exchange")).to_have_count(number + 1)
        expect(self.page.locator(".pending")).to_have_count(0)

    def marked(self, kind: str = "excerpt") -> str:
        return "".join(self.page.locator(f"#source mark.{kind}").all_text_contents())

    def check(self) -> None:
        """All requests went to the server, and the browser had nothing to complain of."""
        strangers = [url for url in self.requests if not url.startswith((f"{self.address}/", "data:", "blob:"))]
        assert strangers == []
        assert self.complaints == []


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Watched]:
    with browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light") as context:
        visit = Watched(context, address)
        yield visit
        visit.page.wait_for_timeout(50)
        visit.check()


def test_an_example_is_answered_and_its_citation_opens_the_source_at_that_very_place(visit: Watched) -> None:
    page, document = visit.page, article()
    assert page.title() == "quoth"
    expect(page.locator(".paper h2")).to_have_text(document.title)
    expect(page.locator(".paper .about")).to_have_text("June 2024 · source not stated")
    expect(page.get_by_role("combobox")).to_have_count(0)  # one document: nothing to choose
    assert "Gradio" not in page.inner_text("body")

    page.get_by_role("button", name=QUESTION).click()
    quote = page.locator(".quote").first
    expect(quote.locator("blockquote")).to_contain_text("largest economic partner")
    expect(page.locator(".confidence")).to_contain_text("Likely (82%)")
    cite = quote.locator(".cite")
    expect(cite).to_contain_text(
        f"{document.title}, under “Assertion of mutual defence – and China’s influence”, paragraph 13"
    )

    cite.click()
    expect(page.locator("#source mark.excerpt")).to_be_in_viewport(ratio=1)
    assert visit.marked() == quote.locator("blockquote").text_content()
    assert visit.marked("words") == "".join(quote.locator("mark").all_text_contents())
    assert visit.marked() in document.text
    assert page.locator("#source .text").text_content() == document.text
    expect(page.locator("#source mark.excerpt")).to_be_focused()
    expect(page.locator("#status[role=status]")).to_contain_text("Source opened. Citation [1]")
    expect(cite).to_have_attribute("aria-current", "true")

    # Once more, after scrolling away, it comes back without asking the server.
    page.locator("#source").evaluate("source => source.scrollTop = 0")
    expect(page.locator("#source mark.excerpt")).not_to_be_in_viewport()
    requests = len(visit.requests)
    cite.click()
    expect(page.locator("#source mark.excerpt")).to_be_in_viewport(ratio=1)
    assert len(visit.requests) == requests


def test_everything_can_be_done_with_the_keyboard(visit: Watched) -> None:
    page = visit.page
    box = page.get_by_label("Your question")
    expect(box).to_be_focused()
    page.keyboard.type("Who is the largest")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("economic partner?")
    expect(box).to_have_value("Who is the largest\neconomic partner?")
    page.keyboard.press("Enter")
    expect(page.locator(".quote").first).to_be_visible()
    expect(box).to_have_value("")
    expect(box).to_be_focused()

    page.keyboard.press("Shift+Tab")
    for key in ("Enter", "Space"):
        expect(page.locator(".cite").last).to_be_focused()
        page.keyboard.press(key)
        expect(page.locator("#source mark.excerpt").first).to_be_focused()
        page.keyboard.press("Escape")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#source .opened")).to_contain_text("[1]")
    page.get_by_role("button", name="Back to the conversation").press("Enter")
    expect(page.locator(".cite").first).to_be_focused()

    page.get_by_role("button", name="New conversation").press("Enter")
    expect(page.locator(".welcome")).to_be_visible()
    expect(box).to_be_focused()
    page.get_by_role("button", name=QUESTION).press("Enter")
    expect(page.locator(".exchange")).to_have_count(1)


def test_a_conversation_is_remembered_and_begun_anew(browser: Browser) -> None:
    answerer = FakeAnswerer(article(), delay=0.4)
    with serving(create_app(answerer)) as url, browser.new_context() as context:
        visit = Watched(context, url)
        page = visit.page
        visit.ask(QUESTION)
        visit.ask("And its largest problem with the economic situation?")
        expect(page.locator(".searched")).to_contain_text(f"Searched for: {QUESTION}")
        assert answerer.asked[1][1][0].question == QUESTION
        assert "China remains" in answerer.asked[1][1][0].answer

        page.get_by_label("Your question").fill("A slow one")
        page.keyboard.press("Enter")
        expect(page.locator(".pending")).to_be_visible()
        expect(page.get_by_role("log")).to_have_attribute("aria-busy", "true")
        page.get_by_role("button", name="New conversation").click()
        expect(page.locator(".welcome")).to_be_visible()
        page.wait_for_timeout(600)
        expect(page.locator(".exchange")).to_have_count(0)
        visit.ask(QUESTION)
        assert answerer.asked[-1][1] == ()

        with browser.new_context() as another:
            expect(Watched(another, url).page.locator(".exchange")).to_have_count(0)
        visit.check()


def test_where_the_documents_do_not_answer_the_page_says_so(visit: Watched) -> None:
    visit.ask("Who won the cup?")
    page = visit.page
    expect(page.locator(".unanswered")).to_have_text("The documents do not answer this.")
    expect(page.get_by_role("heading", name="Closest passages (not answers)")).to_be_visible()
    for answering in (".quote", "#log mark", ".confidence"):
        expect(page.locator(answering)).to_have_count(0)
    page.locator(".near .cite").first.click()
    expect(page.locator("#source mark.excerpt").first).to_be_in_viewport()


def test_what_goes_wrong_is_said_plainly(visit: Watched) -> None:
    page = visit.page
    page.get_by_label("Your question").fill("   ")
    page.keyboard.press("Enter")
    visit.ask("x" * 2001)
    expect(page.locator(".problem")).to_have_text("The question is longer than 2000 characters. Ask a shorter one.")
    visit.ask("bug")
    expect(page.locator(".problem").last).to_contain_text("Something went wrong")
    assert "not a plain error" not in page.inner_text("body")
    visit.ask(QUESTION)
    expect(page.locator(".quote").first).to_be_visible()
    expect(page.locator(".exchange")).to_have_count(3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_legible_in_light_and_in_dark(browser: Browser, address: str, scheme: str) -> None:
    with browser.new_context(color_scheme=scheme, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        visit = Watched(context, address)
        page = visit.page
        assert page.evaluate(CONTRASTS) == []
        visit.ask(QUESTION)
        visit.ask("Who won the cup?")
        visit.ask("x" * 2001)
        page.locator(".quote .cite").first.click()
        expect(page.locator("#source mark.excerpt")).to_be_visible()
        assert page.evaluate(CONTRASTS) == []
        red = page.evaluate(
            "Number(getComputedStyle(document.querySelector('#source')).backgroundColor.match(/\\d+/)[0])"
        )
        assert (red > 127) is (scheme == "light")
        visit.check()


def test_on_a_phone_the_source_lies_over_the_conversation_with_a_way_back(browser: Browser, address: str) -> None:
    with browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as context:
        visit = Watched(context, address)
        page = visit.page

        def fits() -> bool:
            return bool(page.evaluate("document.documentElement.scrollWidth <= 390 && innerWidth === 390"))

        expect(page.locator("#source")).to_be_hidden()
        assert fits()
        visit.ask(QUESTION)
        assert fits()
        cite = page.locator(".cite").first
        cite.tap()
        expect(page.locator("#source mark.excerpt")).to_be_in_viewport(ratio=1)
        assert page.locator("#source").bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
        assert page.locator("#source").evaluate("source => source.scrollWidth <= 390")
        expect(page.get_by_label("Your question")).to_be_hidden()
        page.get_by_role("button", name="Back to the conversation").tap()
        expect(page.locator("#source")).to_be_hidden()
        expect(cite).to_be_focused()
        # The phone's own way back leads to the conversation as well, not away from it.
        cite.tap()
        expect(page.locator("#source")).to_be_visible()
        page.go_back()
        expect(page.locator("#source")).to_be_hidden()
        expect(page.locator(".exchange")).to_have_count(1)
        page.get_by_role("button", name="Source").tap()
        expect(page.locator("#source")).to_be_visible()
        visit.check()


def test_a_hostile_document_and_a_hostile_question_are_text(browser: Browser) -> None:
    document = hostile_article()
    with serving(create_app(FakeAnswerer(document, article()))) as url, browser.new_context() as context:
        visit = Watched(context, url)
        page = visit.page
        assert page.locator("#source .text").text_content() == document.text
        for question in document.examples:
            visit.ask(question)
            expect(page.locator(".question").last).to_have_text(f"You asked: {question}", use_inner_text=False)
        page.locator(".quote .cite").first.click()
        expect(page.locator("#source mark.excerpt").first).to_be_visible()
        assert visit.marked() == page.locator(".quote blockquote").first.text_content()
        assert visit.marked() in document.text
        assert (
            page.locator("#log :is(a, img, script, iframe, svg), #sheet :is(a, img, script, iframe, svg)").count() == 0
        )
        assert page.evaluate("window.hacked") is None
        page.wait_for_timeout(200)
        visit.check()


def test_with_several_documents_one_chooses_which_to_read(browser: Browser) -> None:
    other = hostile_article()
    with serving(create_app(FakeAnswerer(article(), other))) as url, browser.new_context() as context:
        visit = Watched(context, url)
        page = visit.page
        chooser = page.get_by_role("listbox", name="Document").or_(page.get_by_label("Document", exact=True)).first
        chooser.click()
        page.get_by_role("option").nth(1).click()
        expect(page.locator(".paper h2")).to_have_text(other.title)
        visit.ask(QUESTION)
        page.locator(".cite").first.click()
        expect(page.locator(".paper h2")).to_have_text(article().title)
        expect(chooser).to_have_value(article().title)
        visit.check()


def test_a_megabyte_opens_promptly_and_all_of_it_can_be_read(browser: Browser) -> None:
    filler = article().text
    document = type(article()).of(
        filler * 90 + "\nThe purple elephant juggles.\n" + filler * 90,
        title="Long",
        examples=("Does the purple elephant juggle?",),
    )
    assert len(document.text) > 900_000
    with serving(create_app(FakeAnswerer(document))) as url, browser.new_context() as context:
        visit = Watched(context, url)
        page = visit.page
        visit.ask("Does the purple elephant juggle?")
        started = page.evaluate("performance.now()")
        page.locator(".cite").first.click()
        mark = page.locator("#source mark.excerpt")
        expect(mark).to_be_in_viewport(ratio=1)
        assert page.evaluate("performance.now()") - started < 2000
        assert visit.marked() == "The purple elephant juggles."

        place = page.evaluate("document.querySelector('mark.excerpt').getBoundingClientRect().top")
        page.locator("#source").evaluate("source => source.scrollTop = 0")
        before = page.locator("#source .text").text_content()
        page.get_by_role("button", name="Show earlier text").click()
        expect(page.locator("#source .text")).not_to_have_text(before or "", use_inner_text=False)
        assert (page.locator("#source .text").text_content() or "").endswith(before or "?")
        assert (
            page.locator("#source").evaluate("source => source.scrollTop") > 1000
        )  # what was read stayed where it was
        page.get_by_role("button", name="Show later text").click()
        page.wait_for_function(
            "n => document.querySelector('#source .text').textContent.length > n + 70000", arg=len(before or "")
        )
        assert place > 0
        visit.check()


def test_building_the_page_calls_nobody() -> None:
    code = """
import socket
def refuse(*args): raise AssertionError(f"the network was touched: {args}")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from page_support import FakeAnswerer, article
from ui.chat import build_page
build_page(FakeAnswerer(article()))
"""

    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=os.path.dirname(__file__), env={**os.environ, "PYTHONPATH": ".."}
    )
