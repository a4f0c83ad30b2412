"""quoth behind nginx with TLS and sign-on, under a path of its own, configured by the administrator's guide."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from page_support import FakeAnswerer, app_of, article, serving
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from index.types import Document
from ui.access.keyring import Keyring
from ui.page.gradio_guard import MOST_STREAMS

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
OPENSSL = shutil.which("openssl")
# in CI what is missing is a failure
pytestmark = pytest.mark.skipif(
    None in (NGINX, OPENSSL) and os.environ.get("CI") != "true", reason="nginx or openssl is not installed"
)

ROOT = Path(__file__).parent.parent
BASE = "/intranet/ask"
QUESTION = {"question": "Who is North Korea’s largest economic partner?"}
PEOPLE = {"ada": "staff,board", "eve": "staff"}
SECRET = "0123456789abcdef" * 4

_MAIN = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;
  {server}
}}
"""


def snippet() -> str:
    """The nginx block of the administrator's guide."""
    found = re.search(r"```nginx\n(.*?)```", (ROOT / "ui" / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


class SignOn:
    """As oauth2-proxy answers nginx and browsers: a person is known by a cookie, and has it once they signed on."""

    def __init__(self) -> None:
        self.checked: list[dict[str, list[str]]] = []
        """The headers of each request that asked who somebody is."""
        self.app = Starlette(
            routes=[
                Route("/oauth2/auth", self._auth),
                Route("/oauth2/start", self._start),
                Route("/oauth2/callback", self._callback),
            ]
        )

    async def _auth(self, request: Request) -> Response:
        self.checked.append(headers_of(request))
        user = request.cookies.get("person", "")
        if user not in PEOPLE:
            return Response(status_code=401)
        return Response(status_code=202, headers={"X-Auth-Request-User": user, "X-Auth-Request-Groups": PEOPLE[user]})

    async def _start(self, request: Request) -> Response:
        given = request.headers
        assert (given["x-forwarded-proto"], given["x-forwarded-host"]) == ("https", given["host"])
        response = RedirectResponse(f"https://{given['host']}/oauth2/callback", 302)
        response.set_cookie("back", given["x-auth-request-redirect"], secure=True)
        return response

    async def _callback(self, request: Request) -> Response:
        response = RedirectResponse(request.cookies["back"].strip('"'), 302)
        response.set_cookie("person", "ada", secure=True, httponly=True)
        return response


def headers_of(request: Request) -> dict[str, list[str]]:
    return {name: request.headers.getlist(name) for name in request.headers}


def echo(name: str = "") -> Starlette:
    """An upstream that tells what it was sent."""

    async def tell(request: Request) -> Response:
        return JSONResponse({"name": name, "headers": headers_of(request)})

    return Starlette(routes=[Route("/{path:path}", tell, methods=["GET", "POST"])])


@dataclass
class Site:
    address: str
    trusting: ssl.SSLContext
    log: Path
    sign_on: SignOn = field(default_factory=SignOn)

    @property
    def url(self) -> str:
        return f"{self.address}{BASE}"

    def visitor(self, person: str | None = None) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, verify=self.trusting, timeout=60, cookies={"person": person} if person else {}
        )

    def ask(self, method: str, path: str, person: str | None = None, **more: Any) -> httpx.Response:
        with self.visitor(person) as visitor:
            return visitor.request(method, path, **more)


def _certify(folder: Path) -> ssl.SSLContext:
    """Makes a certificate of its own for localhost, and what trusts it."""
    made = ("-keyout", folder / "key.pem", "-out", folder / "certificate.pem", "-days", "2", "-nodes")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    subprocess.run([str(OPENSSL), "req", "-x509", *kind, *made, *name], check=True, capture_output=True)
    return ssl.create_default_context(cafile=folder / "certificate.pem")


@contextmanager
def behind_nginx(folder: Path, *upstreams: str) -> Iterator[Site]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    site = Site(f"https://localhost:{port}", _certify(folder), folder / "error.log")
    with serving(site.sign_on.app) as sign_on:
        servers = "\n".join(f"server {one.removeprefix('http://')};" for one in upstreams)
        server = snippet()
        for given, here in (
            ("server 127.0.0.1:7860;", servers),
            ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
            ("http://127.0.0.1:4180", sign_on),
            ("server_name intranet.example;", "server_name localhost;"),
            ("what the file proxy_secret holds", SECRET),
            ("client_header_timeout 10s;", "client_header_timeout 2s;"),
            ("client_body_timeout 10s;", "client_body_timeout 2s;"),
        ):
            assert given in server
            server = server.replace(given, here)
        file = folder / "nginx.conf"
        file.write_text(_MAIN.format(folder=folder, server=server), encoding="utf-8")
        process = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(file)], stderr=subprocess.PIPE, text=True)
        try:
            while True:
                assert process.poll() is None, process.stderr and process.stderr.read()
                try:
                    httpx.get(site.url, verify=site.trusting, timeout=10)
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
            yield site
        finally:
            process.terminate()
            process.wait(20)


def settings_in(folder: Path) -> dict[str, Any]:
    secret = folder / "proxy-secret"
    secret.write_text(f"{SECRET}\n")
    return {
        "access": "proxy",
        "proxies": ("127.0.0.1",),
        "proxy_secret": secret,
        "base": BASE,
        "data": folder / "data",
    }


@pytest.fixture
def intranet(tmp_path: Path) -> Iterator[Site]:
    hidden, shown = replace(article(), groups=("board",)), Document.of("Cats sleep all day.", title="Animals")
    with (
        serving(app_of(FakeAnswerer(hidden, shown), **settings_in(tmp_path))) as upstream,
        behind_nginx(tmp_path, upstream) as site,
    ):
        yield site


def test_who_is_signed_on_is_answered_from_what_they_may_read(intranet: Site) -> None:
    def titles(user: str) -> list[str]:
        return [document["title"] for document in intranet.ask("GET", "/api/v1/documents", user).json()["documents"]]

    assert titles("ada") == [article().title, "Animals"]
    assert titles("eve") == ["Animals"]


@pytest.mark.parametrize(
    ("person", "headers"),
    [
        (None, {}),
        (None, {"X-Forwarded-User": "ada", "X-Forwarded-Groups": "board"}),
        ("mallory", {"X-Forwarded-User": "ada"}),
        (None, {"Authorization": "Bearer quoth_000000000000_" + "A" * 43}),
        (None, {"Authorization": "Bearer x", "X-Forwarded-User": "ada"}),
        (None, {"X_Forwarded_User": "ada"}),
    ],
)
def test_who_is_not_signed_on_is_not_answered(intranet: Site, person: str | None, headers: dict[str, str]) -> None:
    for method, path in (("POST", "/api/v1/ask"), ("POST", "/mcp"), ("GET", "/metrics"), ("GET", "/theme.css")):
        assert intranet.ask(method, path, person, headers=headers, json=QUESTION).status_code == 401, path
    page = intranet.ask("GET", "/", person, headers=headers)
    assert page.status_code == (401 if "Authorization" in headers else 302)
    assert "quoth" not in page.text


def test_who_opens_the_page_unknown_signs_on_and_is_brought_back(intranet: Site) -> None:
    with intranet.visitor() as visitor:
        page = visitor.get("/?from=mail", follow_redirects=True)
    assert [f"{step.url.scheme} {step.url.path}" for step in (*page.history, page)] == [
        f"https {BASE}/",
        "https /oauth2/callback",
        f"https {BASE}/",
    ]
    assert (page.status_code, str(page.url)) == (200, f"{intranet.url}/?from=mail")
    assert page.text.startswith("<!doctype html>")
    # a page that is told of http would ask there
    assert intranet.url in page.text
    assert intranet.address.replace("https:", "http:") not in page.text


def test_without_the_slash_it_stays_with_tls(intranet: Site) -> None:
    moved = httpx.get(intranet.url, verify=intranet.trusting, timeout=60)
    assert (moved.status_code, moved.headers["location"]) == (301, f"{intranet.url}/")


def test_nothing_that_a_browser_says_of_itself_passes(tmp_path: Path) -> None:
    names = (
        *("X-Forwarded-User", "X-Forwarded-Groups", "X-Forwarded-Email", "X-Forwarded-Preferred-Username"),
        *("X-Auth-Request-User", "X-Auth-Request-Groups", "X-Auth-Request-Email", "X-Auth-Request-Preferred-Username"),
        *("X-Remote-User", "Remote-User", "X-Quoth-Proxy-Secret", "X-Forwarded-Host", "X-Forwarded-Proto"),
        *("X-Forwarded-For", "Forwarded", "x-forwarded-user", "X_Forwarded_User"),
    )
    spoofed = [(name, "spoofed") for name in names for _ in range(2)]
    to_sign_on = [(name, "spoofed") for name in ("X-Forwarded-Uri", "X-Real-IP", "X-Auth-Request-Redirect", "X-Other")]
    with serving(echo()) as upstream, behind_nginx(tmp_path, upstream) as site:
        for path, known in (
            *(("/", True), ("/gradio_api/queue/join", True), ("/api/v1/ask", True), ("/mcp", True), ("/x", True)),
            *(("/quoth.js", False), ("/api/v1/session", False)),
        ):
            method = "GET" if path == "/" else "POST"
            told = site.ask(method, path, "eve", headers=spoofed + to_sign_on, json=QUESTION).json()["headers"]
            assert {name for name, values in told.items() if "spoofed" in values} == {
                name.lower() for name, _ in to_sign_on
            }
            assert told.get("x-forwarded-user") == (["eve"] if known else None)
            assert told.get("x-forwarded-groups") == (["staff"] if known else None)
            assert told["x-quoth-proxy-secret"] == [SECRET]
            assert told["x-forwarded-proto"] == ["https"]
            assert told["host"] == [site.address.removeprefix("https://")]
            asked = site.sign_on.checked.pop() if known else {}
            assert not site.sign_on.checked
            assert all("spoofed" not in values for values in asked.values())
            if known:
                assert asked["x-forwarded-uri"] == [BASE + path]
                assert asked["x-forwarded-proto"] == ["https"]
                assert asked["x-real-ip"] == ["127.0.0.1"]
        # nor is anybody known by the name alone that a program gives itself
        bearer = [*spoofed, ("Authorization", "Bearer x")]
        told = site.ask("POST", "/api/v1/ask", headers=bearer, json=QUESTION).json()["headers"]
        assert "x-forwarded-user" not in told
        assert told["authorization"] == ["Bearer x"]
        assert site.log.read_text() == ""


def test_only_with_the_secret_is_the_proxy_believed(tmp_path: Path) -> None:
    with (
        serving(app_of(FakeAnswerer(article()), **settings_in(tmp_path))) as upstream,
        behind_nginx(tmp_path, upstream) as site,
    ):
        direct = f"{upstream}{BASE}/api/v1/status"
        assert httpx.get(direct, headers={"X-Forwarded-User": "ada"}, timeout=60).status_code == 401
        assert site.ask("GET", "/api/v1/status", "ada").status_code == 200


def test_one_address_holds_so_many_connections_and_no_more(intranet: Site) -> None:
    limit = int(re.findall(r"limit_conn quoth (\d+);", snippet())[0])
    # one person meets their own limit first
    assert limit > MOST_STREAMS
    with ExitStack() as held:
        for number in range(limit):
            visitor = held.enter_context(intranet.visitor("ada" if number < MOST_STREAMS else "eve"))
            stream = held.enter_context(visitor.stream("GET", f"/gradio_api/heartbeat/{number}"))
            assert stream.status_code == 200
        assert intranet.ask("GET", "/api/v1/status", "ada").status_code == 429


def test_what_is_public_is_reached_by_all(intranet: Site) -> None:
    for path, status in (("/quoth.js", 200), ("/api/v1/live", 204)):
        assert intranet.ask("GET", path).status_code == status
    while (ready := intranet.ask("GET", "/api/v1/ready")).status_code == 503:
        time.sleep(0.5)
    assert ready.status_code == 204
    refused = intranet.ask("POST", "/api/v1/session", json={"token": "x"})
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")


def test_a_program_shows_its_key(intranet: Site, tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path / "data")
    _, key = keyring.make("monitor", [], ["metrics"], 1)
    keyring.close()
    answer = intranet.ask("GET", "/metrics", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
    assert "quoth_questions_total" in answer.text


def test_a_large_body_is_refused_at_the_door(intranet: Site) -> None:
    assert intranet.ask("POST", "/api/v1/ask", "ada", content=b"x" * 1_000_000).status_code == 413


@pytest.mark.browser
def test_the_page_works_behind_it_and_each_sees_their_own(intranet: Site, browser: Browser) -> None:
    url = intranet.url
    with browser.new_context(ignore_https_errors=True) as context:
        strangers: list[str] = []
        context.on("request", lambda request: request.url.startswith(f"{url}/") or strangers.append(request.url))
        context.add_cookies([{"name": "person", "value": "ada", "url": url}])
        page = context.new_page()
        page.goto(f"{url}/")
        expect(page.locator("#sheet")).to_contain_text(article().title, timeout=60_000)
        page.get_by_label("Your question").fill(QUESTION["question"])
        page.keyboard.press("Enter")
        expect(page.locator(".exchange")).to_have_count(1)
        expect(page.locator(".pending")).to_have_count(0, timeout=30_000)
        page.locator(".cite").first.click()
        expect(page.locator("#source mark.excerpt").first).to_be_visible()
        assert strangers == []
    with browser.new_context(ignore_https_errors=True) as context:
        context.add_cookies([{"name": "person", "value": "eve", "url": url}])
        page = context.new_page()
        page.goto(f"{url}/")
        expect(page.locator("#sheet")).to_contain_text("Cats sleep all day.", timeout=60_000)
        assert article().title not in page.content()


def test_of_two_processes_a_persons_page_keeps_to_one_and_the_api_goes_to_any(tmp_path: Path) -> None:
    with serving(echo("one")) as one, serving(echo("two")) as two, behind_nginx(tmp_path, one, two) as site:
        for person in PEOPLE:
            paths = ("/", "/theme.css", "/gradio_api/queue/join", "/gradio_api/heartbeat/x") * 3
            assert len({site.ask("GET", path, person).json()["name"] for path in paths}) == 1
        for path in ("/api/v1/status", "/mcp", "/quoth.js", "/api/v1/ready"):
            assert {site.ask("GET", path, "ada").json()["name"] for _ in range(4)} == {"one", "two"}


def test_what_one_process_answered_another_takes_feedback_on(tmp_path: Path) -> None:
    settings = settings_in(tmp_path) | {"journal": True}
    with (
        serving(app_of(FakeAnswerer(article()), **settings)) as one,
        serving(app_of(FakeAnswerer(article()), **settings)) as two,
        behind_nginx(tmp_path, one, two) as site,
    ):
        for _ in range(4):
            row = site.ask("POST", "/api/v1/ask", "ada", json=QUESTION)
            assert row.status_code == 200
            for _ in range(2):
                feedback = {"id": row.json()["id"], "verdict": "down"}
                assert site.ask("POST", "/api/v1/feedback", "ada", json=feedback).status_code == 204


@pytest.mark.parametrize(
    ("start", "pieces"),
    [
        ("GET {path} HTTP/1.1\r\nhost: {host}\r\nx: ", "a" * 100),
        ("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100\r\n\r\nsome", ""),
    ],
)
def test_a_slow_client_is_given_up(intranet: Site, start: str, pieces: str) -> None:
    host = intranet.address.removeprefix("https://")
    began = time.monotonic()
    with (
        socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), timeout=60) as plain,
        intranet.trusting.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(start.format(path=f"{BASE}/api/v1/session", host=host).encode())
        connection.settimeout(0.3)
        answer = None
        for piece in pieces:
            # a byte now and then does not help
            with suppress(TimeoutError):
                answer = connection.recv(1000)
                break
            connection.sendall(piece.encode())
        connection.settimeout(60)
        answer = connection.recv(1000) if answer is None else answer
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - began < 20
