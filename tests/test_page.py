"""The page in Chromium: by mouse and by keyboard, wide and narrow, light and dark."""

import asyncio
from collections.abc import Iterator

import pytest
from browser_support import CONTRASTS, Watched
from page_support import FakeAnswerer, app_of, article, serving
from playwright.sync_api import Browser, expect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from test_page_events import Slow, Tab

pytestmark = pytest.mark.browser

QUESTION = "Who is North Korea’s largest economic partner?"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(app_of(FakeAnswerer(article()))) as url:
        yield url


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


def test_beside_the_conversation_the_way_back_shows_to_the_keyboard_only(visit: Watched) -> None:
    page = visit.page
    visit.ask(QUESTION)
    page.locator(".cite").first.click()
    expect(page.locator("#source .opened")).to_be_in_viewport(ratio=1)
    back = page.get_by_role("button", name="Back to the conversation")

    def width() -> float:
        return (back.bounding_box() or {"width": 0})["width"]

    assert width() < 3
    expect(page.locator("#source mark.excerpt").first).to_be_focused()
    scrolled = page.locator("#source").evaluate("source => source.scrollTop")
    assert scrolled > 0
    page.keyboard.press("Shift+Tab")
    expect(back).to_be_focused()
    expect(back).to_be_in_viewport(ratio=1)
    assert width() > 100
    page.wait_for_timeout(100)
    assert page.locator("#source").evaluate("source => source.scrollTop") == scrolled
    page.keyboard.press("Enter")
    expect(page.locator(".cite").first).to_be_focused()
    assert width() < 3


def test_enter_asks_nothing_where_there_is_nothing_to_ask(visit: Watched) -> None:
    page = visit.page
    box = page.get_by_label("Your question")
    box.fill("  ")
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    assert not [url for url in visit.requests if "/queue/join" in url]
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_timeout(200)
    expect(page.locator(".welcome")).to_be_visible()


def test_what_was_searched_for_can_be_corrected_and_asked_on_its_own(browser: Browser) -> None:
    answerer = FakeAnswerer(article())
    with serving(app_of(answerer)) as url, browser.new_context() as context:
        visit = Watched(context, url)
        page, box = visit.page, visit.page.get_by_label("Your question")
        visit.ask(QUESTION)
        expect(page.get_by_label("Searched for")).to_have_count(0)
        visit.ask("And Russia’s?")
        line = page.get_by_label("Searched for")
        expect(line).to_have_value(f"{QUESTION} And Russia’s?")
        assert page.evaluate(CONTRASTS) == []

        line.fill("  ")
        line.press("Enter")
        page.get_by_role("button", name="Ask this instead, on its own").click()
        page.wait_for_timeout(200)
        expect(page.locator(".exchange")).to_have_count(2)

        corrected = 'Who is <b>Russia</b>’s "largest" economic partner?'
        line.fill(corrected)
        line.press("Tab")
        expect(page.get_by_role("button", name="Ask this instead, on its own")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".exchange")).to_have_count(3)
        expect(page.locator(".pending")).to_have_count(0)
        assert answerer.asked[-1] == (corrected, ())
        expect(page.locator(".question").last).to_have_text(f"You asked: {corrected}")
        expect(page.locator(".exchange").last.get_by_label("Searched for")).to_have_count(0)
        expect(box).to_be_focused()

        line.fill("What did Putin give Kim?")
        line.press("Enter")
        expect(page.locator(".exchange")).to_have_count(4)
        assert answerer.asked[-1] == ("What did Putin give Kim?", ())
        visit.ask("And why?")
        assert [turn.question for turn in answerer.asked[-1][1]][-1] == "What did Putin give Kim?"
        visit.check()


def test_a_conversation_is_remembered_and_begun_anew(browser: Browser) -> None:
    answerer = FakeAnswerer(article(), delay=0.4)
    with serving(app_of(answerer)) as url, browser.new_context() as context:
        visit = Watched(context, url)
        page = visit.page
        visit.ask(QUESTION)
        visit.ask("And its largest problem with the economic situation?")
        expect(page.get_by_label("Searched for")).to_have_value(
            f"{QUESTION} And its largest problem with the economic situation?"
        )
        assert answerer.asked[1][1][0].question == QUESTION
        assert "China remains" in article()[answerer.asked[1][1][0].shown[0].span]

        page.locator(".cite").first.click()
        expect(page.locator("#source mark.excerpt")).to_be_visible()
        page.get_by_label("Your question").fill("A slow one")
        page.keyboard.press("Enter")
        expect(page.locator(".pending")).to_be_visible()
        expect(page.get_by_role("log")).to_have_attribute("aria-busy", "true")
        page.get_by_role("button", name="New conversation").click()
        expect(page.locator(".welcome")).to_be_visible()
        page.wait_for_timeout(600)
        expect(page.locator(".exchange")).to_have_count(0)
        # What was opened in the old conversation is not taken for a citation of the new one.
        expect(page.locator("#source mark.excerpt")).to_have_count(0)
        visit.ask("When did Kim Jong Un visit Russia?")
        assert answerer.asked[-1][1] == ()
        expect(page.locator(".cite[aria-current]")).to_have_count(0)
        page.locator(".cite").first.click()
        expect(page.locator("#source .opened")).to_be_visible()
        assert visit.marked() == page.locator("blockquote").first.text_content()

        with browser.new_context() as another:
            expect(Watched(another, url).page.locator(".exchange")).to_have_count(0)
        visit.check()


def test_while_an_answer_is_awaited_nothing_else_is_asked(browser: Browser) -> None:
    answerer = FakeAnswerer(article(), delay=0.6)
    with serving(app_of(answerer)) as url, browser.new_context() as context:
        visit = Watched(context, url)
        page, box = visit.page, visit.page.get_by_label("Your question")
        visit.ask(QUESTION)
        visit.ask("And Russia’s?")
        box.fill("What did Putin give Kim?")
        box.press("Enter")
        expect(page.locator(".pending")).to_be_visible()
        box.fill("And why?")
        box.press("Enter")
        page.get_by_role("button", name="Ask", exact=True).click()
        page.get_by_role("button", name="Ask this instead, on its own").click()
        expect(page.locator(".pending")).to_have_count(0)
        page.wait_for_timeout(200)
        assert [question for question, _ in answerer.asked] == [QUESTION, "And Russia’s?", "What did Putin give Kim?"]
        # it still stands where it was typed
        expect(box).to_have_value("And why?")
        box.press("Enter")
        expect(page.locator(".exchange")).to_have_count(4)
        visit.check()


def late(app: ASGIApp) -> ASGIApp:
    """`app`, which says half a second late that nothing more is coming."""

    async def lagging(scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if b"process_completed" in message.get("body", b""):
                await asyncio.sleep(0.5)
            await send(message)

        await app(scope, receive, sent)

    return lagging


def test_what_is_asked_as_soon_as_an_answer_is_seen_is_answered(browser: Browser) -> None:
    answerer = FakeAnswerer(article())
    with serving(late(app_of(answerer))) as url, browser.new_context() as context:
        visit = Watched(context, url)
        visit.ask(QUESTION)
        visit.ask("What did Putin give Kim?")
        assert [question for question, _ in answerer.asked] == [QUESTION, "What did Putin give Kim?"]
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
    visit.ask("x" * 2001)
    expect(page.locator(".problem")).to_have_text("The question is longer than 2000 characters. Ask a shorter one.")
    visit.ask("bug")
    expect(page.locator(".problem").last).to_contain_text("Something went wrong")
    assert "not a plain error" not in page.inner_text("body")
    visit.ask(QUESTION)
    expect(page.locator(".quote").first).to_be_visible()
    expect(page.locator(".exchange")).to_have_count(3)


def test_past_what_the_page_holds_one_is_told_so_and_can_ask_again(browser: Browser) -> None:
    slow = Slow(article())
    with serving(app_of(slow, workers=1, waiting=40)) as url, browser.new_context() as context:
        visit, others = Watched(context, url), Tab(url, "others")
        page, box = visit.page, visit.page.get_by_label("Your question")
        taken = 0
        while others.join("question", "submit", "slow").status_code == 200:
            taken += 1
            others.name = f"others {taken}"
        box.fill(QUESTION)
        page.keyboard.press("Enter")
        expect(page.locator("#log .problem")).to_have_text("Too much is being asked just now. Ask again in a moment.")
        expect(page.locator(".welcome")).to_be_visible()
        expect(box).to_have_value(QUESTION)
        slow.go_on.set()
        for number in range(taken):
            others.http.get(
                "/gradio_api/queue/data", params={"session_hash": f"others {number}" if number else "others"}
            )
        box.press("Enter")
        expect(page.locator(".quote").first).to_be_visible()
        expect(page.locator("#log .problem")).to_have_count(0)
        expect(box).to_have_value("")


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
