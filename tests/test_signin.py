"""Sign-in and sign-out with an API key, the cookie, and what browsers may store."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from page_support import FakeAnswerer, app_of, article
from starlette.testclient import TestClient

from ui.access.identify import COOKIE
from ui.access.keyring import Keyring
from ui.access.person import ALL_SCOPES, PAGE_SCOPES

HOST = "ask.example"
WIKI = "https://wiki.example"
BASE = "/ask"
FEW = [("metrics",), ("read",), ("ask",), ("feedback", "metrics", "read")]
"""Scopes with which the page cannot be used."""


@pytest.fixture
def keyring(tmp_path: Path) -> Iterator[Keyring]:
    with closing(Keyring.open(tmp_path)) as keyring:
        yield keyring


def asking(data: Path, access: str = "token", **headers: str) -> TestClient:
    settings: dict[str, Any] = {"access": access, "data": data, "hosts": (HOST,), "base": BASE, "origins": (WIKI,)}
    app = app_of(FakeAnswerer(article()), proxies=("10.0.0.7",), **settings)
    return TestClient(app, base_url=f"https://{HOST}", headers=headers, client=("10.0.0.7", 1))


@pytest.mark.parametrize("scopes", FEW)
@pytest.mark.parametrize("access", ["proxy", "token"])
@pytest.mark.parametrize("way", ["Authorization", "Cookie"])
def test_a_key_without_the_scopes_ask_and_read_does_not_open_the_page(
    tmp_path: Path, keyring: Keyring, scopes: tuple[str, ...], access: str, way: str
) -> None:
    _, key = keyring.make("ada", [], scopes, 1)
    sent = {"Authorization": f"Bearer {key}", "Cookie": f"{COOKIE}={key}"}[way]
    known = asking(tmp_path, access, **{way: sent})
    tried = [
        known.get(f"{BASE}{path}")
        for path in ("/", "", "/theme.css", "/assets/index.js", "/gradio_api/queue/data?session_hash=a", "/gradio_api")
    ]
    joining = {"data": ["Who is it?"], "fn_index": 1, "session_hash": "a"}
    tried.append(known.post(f"{BASE}/gradio_api/queue/join", json=joining))
    if (access, way) == ("proxy", "Cookie"):
        # there, nobody is known by a cookie
        assert {response.status_code for response in tried} == {401}
        return
    for response in tried:
        assert (response.status_code, response.headers["content-type"]) == (403, "application/problem+json")
        assert all(scope in response.json()["detail"] for scope in PAGE_SCOPES - set(scopes))


def test_a_key_without_the_scopes_ask_and_read_is_refused_at_sign_in(tmp_path: Path, keyring: Keyring) -> None:
    for scopes in FEW:
        _, key = keyring.make("ada", [], scopes, 1)
        response = asking(tmp_path).post(f"{BASE}/sign-in", data={"key": key})
        assert (response.status_code, "set-cookie" in response.headers) == (403, False)
        missing = " and ".join(sorted(PAGE_SCOPES - set(scopes)))
        assert f"this key lacks {missing}. Ask for another key" in response.text


def test_a_person_who_is_signed_in_can_sign_out(tmp_path: Path, keyring: Keyring) -> None:
    name = "<b>Ada & O’Neill</b>"
    _, key = keyring.make(name, [], PAGE_SCOPES, 1)
    browser = asking(tmp_path)
    signed = browser.post(f"{BASE}/sign-in", data={"key": key}, follow_redirects=False)
    given = signed.headers["set-cookie"].lower()
    page = browser.get(f"{BASE}/sign-in").text
    assert "You are signed in as &lt;b&gt;Ada &amp; O’Neill&lt;/b&gt;." in page
    assert f'<form method="post" action="{BASE}/sign-out">' in page
    assert browser.get(f"{BASE}/api/v1/status").status_code == 200
    out = browser.post(f"{BASE}/sign-out", follow_redirects=False)
    assert (out.status_code, out.headers["location"]) == (303, f"{BASE}/sign-in")
    forgotten = out.headers["set-cookie"].lower()
    assert "max-age=0" in forgotten
    for attribute in (f"path={BASE}", "secure", "httponly", "samesite=lax"):
        assert attribute in given
        assert attribute in forgotten
    assert browser.get(f"{BASE}/api/v1/status").status_code == 401
    assert "API key" in browser.get(f"{BASE}/sign-in").text
    # the key was not taken away
    assert keyring.person(key) is not None


def test_a_person_with_an_invalid_cookie_can_sign_out(tmp_path: Path, keyring: Keyring) -> None:
    _, key = keyring.make("ada", [], ["metrics"], 1)
    page = asking(tmp_path, Cookie=f"{COOKIE}={key}").get(f"{BASE}/sign-in").text
    assert "You are signed in as ada." in page
    assert "this key lacks ask and read" in page
    assert "Sign out" in page
    wrong = asking(tmp_path, Cookie=f"{COOKIE}=wrong")
    assert wrong.post(f"{BASE}/sign-out", follow_redirects=False).status_code == 303


def test_another_site_signs_nobody_in_or_out(tmp_path: Path, keyring: Keyring) -> None:
    _, key = keyring.make("ada", [], PAGE_SCOPES, 1)
    known = asking(tmp_path, Cookie=f"{COOKIE}={key}")
    for path in ("/sign-out", "/sign-in", "/gradio_api/queue/join", "/api/v1/feedback"):
        for origin in ("https://evil.example", "null"):
            response = known.post(f"{BASE}{path}", data={"key": key}, headers={"Origin": origin})
            assert (response.status_code, "set-cookie" in response.headers) == (403, False)
    assert known.get(f"{BASE}/sign-out").status_code in (404, 405)


def test_a_site_that_may_frame_the_page_signs_nobody_in_or_out(tmp_path: Path, keyring: Keyring) -> None:
    _, key = keyring.make("ada", [], PAGE_SCOPES, 1)
    for known in (asking(tmp_path), asking(tmp_path, Cookie=f"{COOKIE}={key}")):
        for path in ("/sign-in", "/sign-out"):
            response = known.post(f"{BASE}{path}", data={"key": key}, headers={"Origin": WIKI}, follow_redirects=False)
            assert (response.status_code, response.headers["content-type"]) == (403, "application/problem+json")
            assert "set-cookie" not in response.headers


def test_the_cookie_is_ignored_in_requests_from_a_site_that_may_frame_the_page(
    tmp_path: Path, keyring: Keyring
) -> None:
    _, key = keyring.make("ada", [], ALL_SCOPES, 1)
    known = asking(tmp_path, Cookie=f"{COOKIE}={key}")
    question, joining = {"question": "Who is it?"}, {"data": ["Who is it?"], "fn_index": 1, "session_hash": "a"}
    for path, sent in (("/api/v1/ask", question), ("/gradio_api/queue/join", joining), ("/mcp", {})):
        assert known.post(f"{BASE}{path}", json=sent, headers={"Origin": WIKI}).status_code == 401
    for path in ("/api/v1/documents", "/theme.css", "/gradio_api/queue/data?session_hash=a"):
        assert known.get(f"{BASE}{path}", headers={"Origin": WIKI}).status_code == 401
    assert "API key" in known.get(f"{BASE}/sign-in", headers={"Origin": WIKI}).text
    # with a key of its own it may ask
    shown = {"Origin": WIKI, "Authorization": f"Bearer {key}"}
    assert known.post(f"{BASE}/api/v1/ask", json=question, headers=shown).status_code == 200


@pytest.mark.parametrize("inside", ["http", "https"])
@pytest.mark.parametrize("name", [HOST, f"{HOST}:8443"])
def test_the_cookie_identifies_our_own_pages_behind_a_proxy_that_ends_tls(
    tmp_path: Path, keyring: Keyring, inside: str, name: str
) -> None:
    _, key = keyring.make("ada", [], PAGE_SCOPES, 1)
    app = app_of(FakeAnswerer(article()), access="token", data=tmp_path, hosts=(name,), base=BASE, origins=(WIKI,))
    own = {"Origin": f"https://{name}", "Host": name}
    with closing(TestClient(app, base_url=f"{inside}://{name}", headers=own)) as browser:
        signed = browser.post(f"{BASE}/sign-in", data={"key": key}, follow_redirects=False)
        assert (signed.status_code, f"{COOKIE}={key}" in signed.headers["set-cookie"]) == (303, True)
        by_cookie = {"Cookie": f"{COOKIE}={key}"}
        asked = browser.post(f"{BASE}/api/v1/ask", json={"question": "Who is it?"}, headers=by_cookie)
        assert asked.status_code == 200
        out = browser.post(f"{BASE}/sign-out", headers=by_cookie, follow_redirects=False)
        assert (out.status_code, "max-age=0" in out.headers["set-cookie"].lower()) == (303, True)


@pytest.mark.parametrize("origin", [None, f"https://{HOST}", f"http://{HOST}"])
def test_our_own_pages_know_the_person_whom_the_proxy_names(tmp_path: Path, origin: str | None) -> None:
    named = {"X-Forwarded-User": "ada"} | ({"Origin": origin} if origin else {})
    known = asking(tmp_path, "proxy", **named)
    assert known.post(f"{BASE}/api/v1/ask", json={"question": "Who is it?"}).status_code == 200


@pytest.mark.parametrize("access", ["none", "proxy", "token"])
def test_browsers_store_no_answer(tmp_path: Path, keyring: Keyring, access: str) -> None:
    _, key = keyring.make("ada", [], ALL_SCOPES, 1)
    # with access none there are no keys
    shown = {} if access == "none" else {"Authorization": f"Bearer {key}"}
    with asking(tmp_path, access, **shown) as known:
        page = known.get(f"{BASE}/")
        assert "gradio" in page.text
        answers = [page, known.post(f"{BASE}/api/v1/ask", json={"question": "Who is it?"})]
        answers += [
            known.get(f"{BASE}{path}")
            for path in ("/api/v1/status", "/api/v1/documents", "/api/v1/documents/x", "/api/v1/docs", "/metrics")
        ]
        answers += [
            known.get(f"{BASE}/nothing"),
            known.post(f"{BASE}/mcp", json={}),
            known.get(f"{BASE}/assets/none.js"),
        ]
        for response in answers:
            assert response.headers["cache-control"] == "private, no-store", response.url
        named = re.search(r"/assets/[\w-]+\.js", page.text)
        assert named
        kept = known.get(f"{BASE}{named[0]}")
        assert (kept.status_code, kept.headers["cache-control"]) == (200, "private, max-age=31536000, immutable")
        # what says itself how it is to be kept
        assert known.get(f"{BASE}/quoth.js").headers["cache-control"] == "no-cache"
