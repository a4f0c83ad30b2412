"""The widget and quoth itself together: in an intranet behind nginx, on another origin, and on an article."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from intranet_support import BASE, embedding_page, intranet, signed_on
from page_support import app_of, article, serving
from playwright.sync_api import Browser, Locator, Route, expect
from widget_support import Visit, as_written, sample, site, visiting

from rag.answer import Answerer

pytestmark = pytest.mark.browser

QUESTION = "Who is North Korea’s largest economic partner?"
NOT_ANSWERED = "Who won the football World Cup in 2022?"
UNSIGNED = "This page could not sign you in. Sign in to it again and reload it."
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 780}


@pytest.fixture(scope="module")
def address(answerer: Answerer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    other = embedding_page("article.html", ("China remains North", "China is still North"))
    with intranet(tmp_path_factory.mktemp("intranet"), answerer, {"other.html": other}) as url:
        yield url


def step_to(visit: Visit, target: Locator, key: str = "Tab") -> None:
    """Goes on with the keyboard until `target` has the focus."""
    for _ in range(30):
        visit.page.keyboard.press(key)
        if target.evaluate("one => one.getRootNode().activeElement === one"):
            return
    raise AssertionError("it cannot be reached with the keyboard")


# --- in an intranet


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("name", ["home.html", "search.html"])
def test_behind_nginx_a_colleague_asks_with_the_keyboard(
    browser: Browser, address: str, name: str, size: dict[str, int]
) -> None:
    with visiting(browser, address, name, viewport=size, **signed_on()) as visit:
        page, keyboard = visit.page, visit.page.keyboard
        launcher = page.get_by_role("button", name="Ask the briefings")
        step_to(visit, launcher if name == "home.html" else visit.box)
        if name == "home.html":
            keyboard.press("Enter")
            expect(visit.box).to_be_focused()
        keyboard.type(QUESTION)
        keyboard.press("Enter")
        quote = page.locator(".quote").first
        excerpt = quote.locator("blockquote").text_content() or ""
        assert "China remains North Korea’s largest economic partner." in excerpt
        assert excerpt in article().text
        expect(quote.locator("blockquote mark")).to_contain_text("China")
        expect(quote.locator(".cite")).to_contain_text(f"[1] {article().title}, under “Assertion of mutual defence")

        step_to(visit, visit.cite(1), "Shift+Tab")
        keyboard.press("Enter")
        around = page.get_by_role("group", name="Around citation 1")
        expect(around.locator("strong")).to_have_text(excerpt)
        expect(around.locator("strong")).to_be_in_viewport()
        assert (around.text_content() or "").strip("…") in article().text

        step_to(visit, page.get_by_role("button", name="Helpful", exact=True))
        with page.expect_response("**/api/v1/feedback") as told:
            keyboard.press("Space")
        assert told.value.status == 204
        expect(page.locator(".judged")).to_contain_text("Thank you.")

        step_to(visit, visit.box)
        keyboard.type(NOT_ANSWERED)
        keyboard.press("Enter")
        expect(page.locator(".unanswered")).to_have_text("The documents do not answer this.")
        visit.settled()
        if name == "home.html":
            keyboard.press("Escape")
            expect(launcher).to_be_focused()
        asked = [received for received in visit.responses if BASE in received.url]
        assert {received.status for received in asked} == {200, 204}


def test_who_is_not_signed_on_is_told_so(browser: Browser, address: str) -> None:
    with visiting(browser, address, "search.html") as visit:
        visit.ask(QUESTION)
        expect(visit.page.locator(".problem")).to_have_text("You are not signed in. Sign in, then ask again.")
        assert [line for line in visit.complaints if "401" not in line] == []
        visit.complaints.clear()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_on_the_article_the_words_that_answer_are_marked_in_its_own_text(
    browser: Browser, address: str, size: dict[str, int]
) -> None:
    with visiting(browser, address, "article.html", viewport=size, **signed_on()) as visit:
        visit.open()
        for question in (QUESTION, "What gifts did Putin bring Kim Jong Un?"):
            visit.ask(question)
            visit.cite(1).click()
            quote = visit.page.locator(".log article").last.locator(".quote").first
            expect(quote.locator("blockquote")).to_have_text(as_written(visit.marked()))
            expect(quote.locator("blockquote mark")).to_have_text(as_written(visit.marked("words")))
            assert visit.words_in_sight()
            # how the page writes it, which is not how the document does
            assert ("eco\u00adnomic" if question == QUESTION else "a\u00a0tea set,") in visit.marked()
            assert "\n" in visit.marked()


def test_an_article_whose_page_says_otherwise_marks_nothing_and_says_so(browser: Browser, address: str) -> None:
    with visiting(browser, address, "other.html", **signed_on()) as visit:
        visit.open()
        visit.ask(QUESTION)
        visit.cite(1).click()
        expect(visit.page.get_by_role("alert")).to_contain_text("This page does not have these words")
        assert visit.marked() == ""


# --- on another origin


class Wiki:
    """A page of another origin with the widget, under a strict policy, whose server shares a secret with quoth."""

    def __init__(self, host: str, quoth: str, secret: bytes, pages: dict[str, str]) -> None:
        self.host = host
        self.quoth = quoth
        self.pages = pages
        self._secret = secret

    def token(self, **changes: Any) -> str:
        """As the host's server signs it."""
        now = int(time.time())
        claims = {
            "aud": "quoth-embed", "sub": "ada", "groups": ["staff"], "origin": self.host,
            "iat": now, "exp": now + 120, "jti": secrets.token_hex(16),
        }  # fmt: skip
        return jwt.encode(claims | changes, self._secret, "HS256")

    @contextmanager
    def visit(self, browser: Browser, *, host: str = "") -> Iterator[Visit]:
        with visiting(browser, host or self.host, "home.html") as visit:
            visit.addresses.append(self.quoth)
            visit.open()
            yield visit

    def asked(self, visit: Visit, path: str) -> list[int]:
        """The statuses of what was asked of quoth by this path."""
        posted = [received for received in visit.responses if received.request.method == "POST"]
        return [received.status for received in posted if received.url == f"{self.quoth}/api/v1/{path}"]


@pytest.fixture(scope="module")
def wiki(answerer: Answerer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wiki]:
    data = tmp_path_factory.mktemp("data")
    secret = secrets.token_hex(32).encode()
    (data / "secret").write_bytes(secret)
    pages: dict[str, str] = {}
    with site(None, pages, other="http://localhost:*") as host:
        settings = {"access": "token", "embed_secret": data / "secret", "origins": (host,), "data": data}
        with serving(app_of(answerer, journal=True, **settings)) as address:
            quoth = address.replace("127.0.0.1", "localhost")
            script = f'<script src="{quoth}/quoth.js" data-token-url="token"'
            pages["home.html"] = sample("home.html", ('<script src="quoth.js"', script))
            yield Wiki(host, quoth, secret, pages)


def test_another_origin_asks_by_a_session_of_its_own_and_no_cookie_is_set_or_sent(browser: Browser, wiki: Wiki) -> None:
    wiki.pages["token"] = wiki.token()
    with wiki.visit(browser) as visit:
        cookie = {"name": "session", "value": "secret", "url": wiki.quoth}
        visit.page.context.add_cookies([cookie])  # type: ignore[list-item]
        visit.ask(QUESTION)
        expect(visit.page.locator(".quote blockquote mark").first).to_contain_text("China")
        visit.cite(1).click()
        expect(visit.page.get_by_role("group", name="Around citation 1")).to_be_visible()
        visit.ask("What gifts did Putin bring Kim Jong Un?")
        with visit.page.expect_response(lambda received: received.url.endswith("/api/v1/feedback")) as told:
            visit.page.get_by_role("button", name="Helpful", exact=True).last.click()
        assert told.value.status == 204

        assert wiki.asked(visit, "session") == [200]
        assert wiki.asked(visit, "ask") == [200, 200]
        for received in visit.responses:
            if received.url.startswith(f"{wiki.quoth}/"):
                assert "set-cookie" not in received.all_headers()
                headers = received.request.all_headers()
                assert "cookie" not in headers
                if received.request.method == "GET" and "/documents/" in received.url:
                    assert headers["authorization"].startswith("Bearer ")
        assert [kept["name"] for kept in visit.page.context.cookies()] == ["session"]
        assert visit.page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_a_token_that_is_not_good_is_said_to_be_so_and_the_next_good_one_is_taken(browser: Browser, wiki: Wiki) -> None:
    now = int(time.time())
    used = wiki.pages["token"] = wiki.token()
    with wiki.visit(browser) as first:
        first.ask(QUESTION)
        expect(first.page.locator(".quote").first).to_be_visible()
    with wiki.visit(browser) as visit:
        for token in (
            used,
            wiki.token(origin="http://127.0.0.1:1"),
            wiki.token(iat=now - 400, exp=now - 100),
            wiki.token() + "x",
            "<!doctype html><title>Sign in</title>",
        ):
            wiki.pages["token"] = token
            visit.ask(QUESTION)
            expect(visit.page.locator(".problem").last).to_have_text(UNSIGNED)
            expect(visit.box).to_have_value(QUESTION)
        assert wiki.asked(visit, "ask") == []
        assert [line for line in visit.complaints if "401" not in line] == []
        visit.complaints.clear()
        wiki.pages["token"] = wiki.token()
        visit.ask(QUESTION)
        expect(visit.page.locator(".quote").first).to_be_visible()


def test_a_session_that_has_expired_is_renewed_unseen(
    browser: Browser, wiki: Wiki, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter((0, 900))

    def give(route: Route) -> None:
        monkeypatch.setattr("ui.access.embed_token.SESSION_SECONDS", next(seconds))
        route.fulfill(body=wiki.token())

    with wiki.visit(browser) as visit:
        visit.page.route("**/token", give)
        visit.ask(QUESTION)
        expect(visit.page.locator(".quote").first).to_be_visible()
        expect(visit.page.locator(".problem")).to_have_count(0)
        assert wiki.asked(visit, "session") == [200, 200]
        assert wiki.asked(visit, "ask") == [401, 200]
        assert [line for line in visit.complaints if "401" not in line] == []
        visit.complaints.clear()


def test_a_page_of_an_origin_that_is_not_named_is_refused_and_says_so(browser: Browser, wiki: Wiki) -> None:
    host = wiki.host.replace("127.0.0.1", "localhost")
    wiki.pages["token"] = wiki.token(origin=host)
    with wiki.visit(browser, host=host) as visit:
        visit.ask(QUESTION)
        expect(visit.page.locator(".problem")).to_contain_text("The service could not be reached.")
        assert wiki.asked(visit, "ask") == []
        assert all("CORS" in line or "ERR_FAILED" in line for line in visit.complaints)
        visit.complaints.clear()
