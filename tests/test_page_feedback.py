"""Feedback on the page: where it is kept, one click says whether an answer helped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser_support import CONTRASTS, Watched
from page_support import FakeAnswerer, app_of, article, serving
from playwright.sync_api import Browser, expect

from ui.journal.journal import FILE as JOURNAL
from ui.journal.journal import read_gaps

pytestmark = pytest.mark.browser

ANSWERED, REFUSED = "Who is North Korea’s largest economic partner?", "Which prize did she win?"


@contextmanager
def visiting(browser: Browser, data: Path, **settings: object) -> Iterator[Watched]:
    app = app_of(FakeAnswerer(article()), data=data, **settings)
    with serving(app) as url, browser.new_context() as context:
        visit = Watched(context, url)
        yield visit
        visit.check()


def judged(data: Path) -> list[tuple[str, str]]:
    # a follow-up is kept behind what it follows, without which nobody could read it
    kept = (
        (REFUSED if gap.question.endswith(REFUSED) else gap.question, gap.reason)
        for gap in read_gaps(data / JOURNAL, days=30)
    )
    return sorted(kept)


def test_one_click_says_whether_it_helped_and_another_that_it_did_not(browser: Browser, tmp_path: Path) -> None:
    with visiting(browser, tmp_path, journal=True) as visit:
        page = visit.page
        for question in (ANSWERED, REFUSED):
            visit.ask(question)
            expect(page.locator(".exchange").last).to_contain_text("Was this helpful?")
        first = page.get_by_role("group", name="Was this helpful?").first
        no, yes = first.get_by_role("button", name="No"), first.get_by_role("button", name="Yes")
        no.focus()
        page.keyboard.press("Enter")
        expect(no).to_have_attribute("aria-pressed", "true")
        expect(no).to_be_focused()
        expect(no).to_be_in_viewport()
        expect(page.locator("#status")).to_have_text("Thank you.")
        expect(page.locator(".judged").last).not_to_contain_text("Thank you.")
        assert judged(tmp_path) == [(REFUSED, "unanswered"), (ANSWERED, "down")]

        yes.click()  # and the mouse stays there
        expect(yes).to_have_attribute("aria-pressed", "true")
        expect(no).to_have_attribute("aria-pressed", "false")
        assert judged(tmp_path) == [(REFUSED, "unanswered")]
        assert page.evaluate(CONTRASTS) == []


def test_where_nothing_is_kept_nobody_is_asked(browser: Browser, tmp_path: Path) -> None:
    with visiting(browser, tmp_path, journal=False) as visit:
        visit.page.get_by_role("button", name=ANSWERED).click()
        expect(visit.page.locator(".quote").first).to_be_visible()
        expect(visit.page.locator(".judged")).to_have_count(0)
