"""Where a browser is sent, and where a page is told that it is, behind a proxy that ends TLS."""

from pathlib import Path

import httpx
import pytest
from page_support import FakeAnswerer, app_of, article, serving

from ui.page.gradio_guard import Conversations

PATHS = (
    *("", "/", "//", "/mcp", "/metrics", "/quoth.js", "/sign-in", "/theme.css", "/gradio_api/startup-events"),
    *("/api/v1/ask", "/api/v1/documents", "/api/v1/status", "/api/v1/docs", "/api/v1/openapi.json", "/assets/x"),
    *("/login", "/logout", "/gradio_api/queue/data", "//evil.example/mcp", "/static/x"),
)


@pytest.mark.parametrize("access", ["none", "token"])
@pytest.mark.parametrize("base", ["", "/intranet/ask"])
def test_nobody_is_sent_to_another_scheme_or_host(base: str, access: str, tmp_path: Path) -> None:
    sent: dict[str, str] = {}
    app = app_of(FakeAnswerer(article()), base=base, access=access, data=tmp_path)
    with serving(app) as url, httpx.Client(timeout=60) as client:
        for path in PATHS:
            for slash in ("", "/"):
                for method in ("GET", "POST"):
                    # a stream would stay open
                    with client.stream(method, f"{url}{base}{path}{slash}") as answer:
                        if answer.is_redirect:
                            sent[base + path + slash] = answer.headers["location"]
        # each place is one of ours, named without scheme and host
        assert {place for place in sent.values() if not place.startswith("/") or place.startswith("//")} == set()
        if base and access == "none":
            assert sent == {base: f"{base}/"}
            assert client.get(f"{url}{base}", follow_redirects=True).text.startswith("<!doctype html>")


def test_a_page_is_told_where_it_is_by_nothing_but_the_scheme_that_the_proxy_names() -> None:
    with serving(app_of(FakeAnswerer(article()))) as url:
        for name in ("X-Forwarded-Host", "x-forwarded-host", "X-Gradio-Server"):
            for value in ("evil.example", "http://evil.example"):
                page = httpx.get(f"{url}/", headers={name: value}, timeout=60)
                assert page.status_code == 200
                assert url in page.text
                assert "evil.example" not in page.text + str(page.headers)
        page = httpx.get(f"{url}/", headers={"X-Forwarded-Proto": "https"}, timeout=60)
        assert url not in page.text
        assert url.replace("http:", "https:") in page.text


def test_a_conversation_has_a_short_name() -> None:
    conversations = Conversations()
    assert conversations.open_to("a" * 100, "ada")
    assert not conversations.open_to("a" * 101, "ada")
