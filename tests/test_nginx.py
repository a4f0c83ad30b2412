"""Behind nginx, configured as the README says, under a path of its own and with people who are signed on."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from page_support import FakeAnswerer, app_of, article, serving
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from index.types import Document
from ui.keyring import Keyring

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

ROOT = Path(__file__).parent.parent
QUESTION = {"question": "Who is North Korea’s largest economic partner?"}
PEOPLE = {"ada": "staff,board", "eve": "staff"}

_MAIN = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {server}
}}
"""


def snippet() -> str:
    """nginx's part of the README."""
    found = re.search(r"```nginx\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


async def _signed_on(request: Request) -> Response:
    """As the service that signs people on answers nginx: by whom the cookie is."""
    user = request.cookies.get("person", "")
    if user not in PEOPLE:
        return Response(status_code=401)
    return Response(status_code=202, headers={"X-Auth-Request-User": user, "X-Auth-Request-Groups": PEOPLE[user]})


@contextmanager
def behind_nginx(folder: Path, *upstreams: str, sign_on: str) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    servers = "\n".join(f"server {one.removeprefix('http://')};" for one in upstreams)
    server = snippet()
    for given, here in (
        ("server 127.0.0.1:7860;", servers),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        ("http://127.0.0.1:4180", sign_on),
        ("server_name intranet.example;", "server_name localhost;"),
    ):
        assert given in server
        server = server.replace(given, here)
    file = folder / "nginx.conf"
    file.write_text(_MAIN.format(folder=folder, server=server), encoding="utf-8")
    process = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(file)], stderr=subprocess.PIPE, text=True)
    try:
        url = f"http://localhost:{port}"
        while True:
            assert process.poll() is None, process.stderr and process.stderr.read()
            try:
                httpx.get(url, timeout=10)
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        yield f"{url}/intranet/ask"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def intranet(tmp_path: Path) -> Iterator[str]:
    hidden, shown = replace(article(), groups=("board",)), Document.of("Cats sleep all day.", title="Animals")
    settings = {"access": "proxy", "proxies": ("127.0.0.1",), "base": "/intranet/ask", "data": tmp_path / "data"}
    with (
        serving(Starlette(routes=[Route("/oauth2/auth", _signed_on)])) as sign_on,
        serving(app_of(FakeAnswerer(hidden, shown), **settings)) as upstream,
        behind_nginx(tmp_path, upstream, sign_on=sign_on) as url,
    ):
        yield url


def test_who_is_signed_on_is_answered_from_what_they_may_read(intranet: str) -> None:
    def titles(user: str) -> list[str]:
        answer = httpx.get(f"{intranet}/api/v1/documents", cookies={"person": user}, timeout=30)
        return [document["title"] for document in answer.json()["documents"]]

    assert titles("ada") == [article().title, "Animals"]
    assert titles("eve") == ["Animals"]


@pytest.mark.parametrize(
    ("cookies", "headers"),
    [
        ({}, {}),
        ({}, {"X-Forwarded-User": "ada", "X-Forwarded-Groups": "board"}),
        ({"person": "mallory"}, {"X-Forwarded-User": "ada"}),
        ({}, {"Authorization": "Bearer quoth_000000000000_" + "A" * 43}),
        ({}, {"Authorization": "Bearer x", "X-Forwarded-User": "ada"}),
        ({}, {"X_Forwarded_User": "ada"}),
    ],
)
def test_who_is_not_signed_on_is_not_answered(intranet: str, cookies: dict[str, str], headers: dict[str, str]) -> None:
    for method, path in (("POST", "/api/v1/ask"), ("GET", "/"), ("POST", "/mcp"), ("GET", "/metrics")):
        given = httpx.request(method, f"{intranet}{path}", cookies=cookies, headers=headers, json=QUESTION, timeout=30)
        assert given.status_code == 401, path


def test_a_browsers_own_headers_do_not_pass(intranet: str) -> None:
    headers = {"X-Forwarded-User": "ada", "X-Forwarded-Groups": "board"}
    answer = httpx.get(f"{intranet}/api/v1/documents", cookies={"person": "eve"}, headers=headers, timeout=30)
    assert len(answer.json()["documents"]) == 1


def test_what_is_public_is_reached_by_all(intranet: str) -> None:
    for path, status in (("/quoth.js", 200), ("/api/v1/live", 204), ("/api/v1/ready", 204)):
        assert httpx.get(f"{intranet}{path}", timeout=30).status_code == status
    refused = httpx.post(f"{intranet}/api/v1/session", json={"token": "x"}, timeout=30)
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")


def test_a_program_shows_its_key(intranet: str, tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path / "data")
    _, key = keyring.make("monitor", [], ["metrics"], 1)
    keyring.close()
    answer = httpx.get(f"{intranet}/metrics", headers={"Authorization": f"Bearer {key}"}, timeout=30)
    assert answer.status_code == 200
    assert "quoth_questions_total" in answer.text


def test_a_large_body_is_refused_at_the_door(intranet: str) -> None:
    answer = httpx.post(f"{intranet}/api/v1/ask", cookies={"person": "ada"}, content=b"x" * 1_000_000, timeout=30)
    assert answer.status_code == 413


@pytest.mark.browser
def test_the_page_works_behind_it_and_each_sees_their_own(intranet: str, browser: Browser) -> None:
    with browser.new_context() as context:
        strangers: list[str] = []
        context.on("request", lambda request: request.url.startswith(f"{intranet}/") or strangers.append(request.url))
        context.add_cookies([{"name": "person", "value": "ada", "url": intranet}])
        page = context.new_page()
        page.goto(f"{intranet}/")
        expect(page.locator("#sheet")).to_contain_text(article().title, timeout=60_000)
        page.get_by_label("Your question").fill(QUESTION["question"])
        page.keyboard.press("Enter")
        expect(page.locator(".exchange")).to_have_count(1)
        expect(page.locator(".pending")).to_have_count(0, timeout=30_000)
        page.locator(".cite").first.click()
        expect(page.locator("#source mark.excerpt").first).to_be_visible()
        assert strangers == []
    with browser.new_context() as context:
        context.add_cookies([{"name": "person", "value": "eve", "url": intranet}])
        page = context.new_page()
        page.goto(f"{intranet}/")
        expect(page.locator("#sheet")).to_contain_text("Cats sleep all day.", timeout=60_000)
        assert article().title not in page.content()


def test_the_api_goes_to_any_of_two_processes(tmp_path: Path) -> None:
    settings = {"access": "proxy", "proxies": ("127.0.0.1",), "base": "/intranet/ask", "data": tmp_path / "data"}
    settings["journal"] = True
    with (
        serving(Starlette(routes=[Route("/oauth2/auth", _signed_on)])) as sign_on,
        serving(app_of(FakeAnswerer(article()), **settings)) as one,
        serving(app_of(FakeAnswerer(article()), **settings)) as two,
        behind_nginx(tmp_path, one, two, sign_on=sign_on) as url,
    ):
        cookies = {"person": "ada"}
        row = httpx.post(
            f"{one}/intranet/ask/api/v1/ask", json=QUESTION, timeout=30, headers={"X-Forwarded-User": "ada"}
        )
        # what one process answered, the other takes feedback on
        feedback = {"id": row.json()["id"], "verdict": "down"}
        headers = {"X-Forwarded-User": "ada"}
        assert httpx.post(f"{two}/intranet/ask/api/v1/feedback", json=feedback, headers=headers).status_code == 204
        assert httpx.post(f"{url}/api/v1/ask", json=QUESTION, cookies=cookies, timeout=30).status_code == 200
