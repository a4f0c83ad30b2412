"""The rules of accessibility, as axe-core knows them: the page and the widget, wide and narrow, light and dark."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser_support import Watched, violations
from intranet_support import intranet, signed_on
from page_support import FakeAnswerer, app_of, article, serving
from playwright.sync_api import Browser, Page, expect
from widget_support import visiting

from index.types import Document

pytestmark = pytest.mark.browser

QUESTION = "Who is North Korea’s largest economic partner?"
NOT_ANSWERED = "Who won the cup?"
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 780}
SIZES = pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])


def unfit(page: Page) -> list[Any]:
    """The rules that the page breaks, in light and in dark."""
    found = []
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += violations(page)
    return found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with intranet(tmp_path_factory.mktemp("intranet"), FakeAnswerer(article())) as url:
        yield url


@SIZES
@pytest.mark.parametrize("name", ["home.html", "search.html", "article.html"])
def test_the_widget_in_the_intranets_pages_breaks_no_rule(
    browser: Browser, address: str, name: str, size: dict[str, int]
) -> None:
    with visiting(browser, address, name, viewport=size, **signed_on()) as visit:
        assert unfit(visit.page) == []
        if name != "search.html":
            visit.open()
        visit.ask(QUESTION)
        visit.cite(1).click()
        visit.page.get_by_role("button", name="Helpful", exact=True).click()
        expect(visit.page.locator(".judged")).to_contain_text("Thank you.")
        assert unfit(visit.page) == []
        visit.ask(NOT_ANSWERED)
        visit.ask("x" * 2001)
        assert unfit(visit.page) == []
        visit.complaints = [line for line in visit.complaints if "422" not in line]


def test_the_widget_is_looked_into(browser: Browser, address: str) -> None:
    with visiting(browser, address, "search.html", **signed_on()) as visit:
        visit.page.get_by_role("button", name="New conversation").evaluate(
            "one => { one.removeAttribute('aria-label'); one.removeAttribute('title'); }"
        )
        assert [rule for rule, _ in violations(visit.page)] == ["button-name"]


@pytest.fixture(scope="module")
def page_address() -> Iterator[str]:
    # two documents, so that there is one to choose
    with serving(app_of(FakeAnswerer(article(), Document.of("Cats sleep all day.", title="Animals")))) as url:
        yield url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@SIZES
def test_the_page_breaks_no_rule(browser: Browser, page_address: str, size: dict[str, int], scheme: Any) -> None:
    with browser.new_context(viewport=size, color_scheme=scheme) as context:  # type: ignore[arg-type]
        visit = Watched(context, page_address)
        page = visit.page
        # gradio's own word while it draws the page
        expect(page.locator(".loading")).to_have_count(0)
        assert violations(page) == []
        visit.ask(QUESTION)
        assert violations(page) == []
        page.locator(".cite").first.click()
        expect(page.locator("#source mark.excerpt")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("combobox", name="Find a document").click()
        expect(page.get_by_role("option")).to_have_count(2)
        assert violations(page) == []
        # folds up the list, and does not leave the source
        page.keyboard.press("Escape")
        expect(page.get_by_role("option")).to_have_count(0)
        expect(page.locator("#source")).to_be_visible()
        if size is PHONE:
            page.get_by_role("button", name="Back to the conversation").click()
        visit.ask("And Russia’s?")
        expect(page.get_by_label("Searched for")).to_be_visible()
        visit.ask(NOT_ANSWERED)
        visit.ask("x" * 2001)
        assert violations(page) == []
        visit.check()
