"""The page in a frame: on sites that are named as allowed it answers, and on no others is it shown."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from page_support import FakeAnswerer, app_of, article, serving
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

pytestmark = pytest.mark.browser

QUESTION = "Who is North Korea’s largest economic partner?"


@contextmanager
def holding() -> Iterator[tuple[str, dict[str, str]]]:
    """A site whose page holds in a frame whatever address `framed` names, and that dictionary."""
    framed: dict[str, str] = {}

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(f'<!doctype html><title>A wiki</title><iframe src="{framed["address"]}/"></iframe>')

    with serving(Starlette(routes=[Route("/", page)])) as site:
        yield site, framed


def test_a_named_site_holds_the_page_and_it_answers_there(browser: Browser) -> None:
    with holding() as (site, framed), serving(app_of(FakeAnswerer(article()), origins=(site,))) as framed["address"]:
        page = browser.new_page()
        page.goto(site)
        inside = page.frame_locator("iframe")
        box = inside.get_by_role("textbox")
        expect(box).to_be_visible(timeout=30_000)
        box.fill(QUESTION)
        box.press("Enter")
        expect(inside.get_by_role("blockquote").first).to_contain_text("China", timeout=30_000)
        page.close()


def test_a_site_that_is_not_named_holds_nothing(browser: Browser) -> None:
    named = "http://wiki.example"
    with holding() as (site, framed), serving(app_of(FakeAnswerer(article()), origins=(named,))) as framed["address"]:
        page = browser.new_page()
        with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
            page.goto(site)
        assert page.frame_locator("iframe").get_by_role("textbox").count() == 0
        page.close()
