"""Access control through the whole application: by proxy, by API key, by embed token, and without any."""

import asyncio
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from page_support import FakeAnswerer, app_of, article, service_of, serving
from playwright.sync_api import Browser, expect
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient

from index.errors import SettingsError
from index.types import Document
from ui.access.embed_token import LONGEST, SESSION_SECONDS
from ui.access.identify import Identify, identification
from ui.access.keyring import Keyring
from ui.access.person import ALL_SCOPES, Person
from ui.access.require_person import PUBLIC
from ui.page.chat import build_page
from ui.settings import ServerSettings as Settings

HOST = "ask.example"
WIKI = "https://wiki.example"
QUESTION = {"question": "Who is North Korea’s largest economic partner?"}
PROXY: dict[str, Any] = {"access": "proxy", "proxies": ("10.0.0.7", "10.1.0.0/16"), "hosts": (HOST,)}


def client(settings: dict[str, Any], *documents: Document, address: str = "10.0.0.7", **headers: str) -> TestClient:
    app = app_of(FakeAnswerer(*(documents or (article(),))), **settings)
    return TestClient(
        app, base_url=f"https://{HOST}", client=(address, 1234), headers=headers, raise_server_exceptions=False
    )


async def found_out(identify: Identify, scope: dict[str, Any]) -> Person | None:
    return await identify(HTTPConnection(scope))


@pytest.fixture
def keyring(tmp_path: Path) -> Iterator[Keyring]:
    with closing(Keyring.open(tmp_path)) as keyring:
        yield keyring


def test_access_none_is_for_this_machine_only() -> None:
    local = TestClient(app_of(FakeAnswerer(article())), base_url="http://127.0.0.1")
    assert local.post("/api/v1/ask", json=QUESTION).status_code == 200
    with pytest.raises(SettingsError, match="unless access is proxy or token"):
        Settings(host="0.0.0.0")


@pytest.mark.parametrize("base", ["", "/intranet/ask"])
@pytest.mark.parametrize("access", ["proxy", "token"])
def test_every_route_but_the_public_ones_requires_a_person(
    tmp_path: Path, base: str, access: str, gradio: set[tuple[str, str]]
) -> None:
    settings = PROXY | {"access": access, "data": tmp_path, "base": base}
    stranger = client(settings, address="192.0.2.1")
    public = {(method, f"{base}{path}") for method, path in PUBLIC}
    # and what nobody offers, which is not to be told from what somebody does
    every = {*routes(stranger.app), *((method, f"{base}{path}") for method, path in gradio), ("GET", f"{base}/nothing")}
    # a route that is public by one method is so by that alone, and HEAD is a GET without the body
    public |= {("HEAD", path) for method, path in public if method == "GET"}
    asked = {(method, path) for _, path in every for method in METHODS} - public
    for method, path in sorted(asked):
        response = stranger.request(method, re.sub(r"\{[^}]*\}", "x", path), follow_redirects=False)
        if access == "token" and path in (base, f"{base}/") and method in ("GET", "HEAD"):
            assert (response.status_code, response.headers["location"]) == (303, f"{base}/sign-in")
        else:
            assert response.status_code == 401, (method, path)
            assert response.headers["www-authenticate"].startswith("Bearer")
    own = {("POST", "/api/v1/ask"), ("POST", "/api/v1/feedback"), ("GET", "/api/v1/documents/{id}"), ("POST", "/mcp")}
    assert {(method, f"{base}{path}") for method, path in own} <= every
    assert len(every) > 60


METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


@pytest.fixture(scope="module")
def gradio() -> set[tuple[str, str]]:
    """Every route that gradio has under the page, some of which are closed to all."""
    found = set(routes(build_page(service_of(FakeAnswerer(article())))))
    assert {("POST", "/gradio_api/upload"), ("GET", "/config"), ("GET", "/theme.css")} <= found
    return found


def routes(app: Any) -> list[tuple[str, str]]:
    """(method, path) of every route of a composed application, found through its middleware and in what is mounted."""
    found: set[tuple[str, str]] = set()
    seen: set[int] = set()

    def add(routes: Any, prefix: str = "") -> None:
        for route in routes:
            if router := getattr(route, "original_router", None):
                # FastAPI keeps a router that was included as it is
                add(router.routes, f"{prefix}{route.include_context.prefix}")
            else:
                found.update((method, f"{prefix}{route.path}") for method in getattr(route, "methods", None) or ())
                # what is mounted is so at the root
                walk(getattr(route, "app", None))

    def walk(value: Any) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        add(getattr(value, "routes", ()))
        for cell in getattr(value, "__closure__", None) or ():
            if callable(cell.cell_contents):
                walk(cell.cell_contents)
        if callable(inner := getattr(value, "app", None)):
            walk(inner)

    walk(app)
    return sorted(found)


def test_the_public_routes_are_few_and_each_has_a_reason() -> None:
    assert len(PUBLIC) == 7
    assert all(len(reason) > 20 for reason in PUBLIC.values())


# proxy


def test_a_person_whom_the_proxy_names_may_ask() -> None:
    known = client(PROXY, **{"X-Forwarded-User": "ada", "X-Forwarded-Groups": "staff, board"})
    assert known.post("/api/v1/ask", json=QUESTION).json()["status"] == "answered"
    assert client(PROXY, address="10.1.2.3", **{"X-Forwarded-User": "ada"}).get("/api/v1/status").status_code == 200


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("10.0.0.8", [("X-Forwarded-User", "ada")]),
        ("10.0.0.8", [("X-Forwarded-User", "ada"), ("X-Forwarded-For", "10.0.0.7")]),
        ("10.0.0.8", [("X-Forwarded-User", "ada"), ("Forwarded", "for=10.0.0.7")]),
        ("testclient", [("X-Forwarded-User", "ada")]),
        ("10.0.0.7", []),
        ("10.0.0.7", [("X-Forwarded-User", "  ")]),
        ("10.0.0.7", [("X-Forwarded-User", "ada"), ("X-Forwarded-User", "eve")]),
        ("10.0.0.7", [("X-Forwarded-User", "ada"), ("X-Forwarded-Groups", "a"), ("X-Forwarded-Groups", "b")]),
        ("10.0.0.7", [("X-Forwarded-User", "a\x01da")]),
        ("10.0.0.7", [("X-Forwarded-User", "ada"), ("Authorization", "Bearer something")]),
        ("10.0.0.7", [("X-Forwarded-User", "ada"), ("Authorization", "Basic YWRhOmFkYQ==")]),
    ],
)
def test_a_request_that_the_proxy_did_not_name_correctly_is_refused(
    address: str, headers: list[tuple[str, Any]]
) -> None:
    asking = client(PROXY, address=address)
    assert asking.get("/api/v1/status", headers=headers).status_code == 401


def test_a_header_that_is_not_utf8_names_nobody() -> None:
    identify = identification(Settings(**PROXY), None, None)
    scope = {"type": "http", "client": ("10.0.0.7", 1), "headers": [(b"x-forwarded-user", b"\xff\xfe")]}
    assert asyncio.run(found_out(identify, scope)) is None
    scope["headers"] = [(b"x-forwarded-user", "Žofie".encode())]
    assert (person := asyncio.run(found_out(identify, scope))) is not None
    assert person.user == "Žofie"


def test_a_proxy_must_send_the_secret_if_one_is_set(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s" * 32 + "\n")
    settings = PROXY | {"proxy_secret": file}
    named = {"X-Forwarded-User": "ada"}
    assert client(settings, **named).get("/api/v1/status").status_code == 401
    assert client(settings, **named, **{"X-Quoth-Proxy-Secret": "t" * 32}).get("/api/v1/status").status_code == 401
    assert client(settings, **named, **{"X-Quoth-Proxy-Secret": "s" * 32}).get("/api/v1/status").status_code == 200
    file.write_text("short")
    with pytest.raises(SettingsError, match="expected at least 32"):
        client(settings)


def test_a_name_may_have_letters_of_any_script() -> None:
    private = replace(article(), groups=("Führung",))
    named = [(b"X-Forwarded-User", "Žofie".encode()), (b"X-Forwarded-Groups", "Führung".encode())]
    asking = client(PROXY, private)
    assert asking.get("/api/v1/status", headers=named).json()["documents"] == 1


# groups, through every route that tells of documents


def test_no_route_reveals_a_document_that_a_person_may_not_read() -> None:
    hidden = replace(article(), groups=("board",))
    shown = Document.of("Cats sleep all day. Dogs bark at night.", title="Animals")
    outsider = client(PROXY, hidden, shown, **{"X-Forwarded-User": "eve", "X-Forwarded-Groups": "staff"})
    insider = client(PROXY, hidden, shown, **{"X-Forwarded-User": "ada", "X-Forwarded-Groups": "board"})
    assert [d["title"] for d in outsider.get("/api/v1/documents").json()["documents"]] == ["Animals"]
    assert len(insider.get("/api/v1/documents").json()["documents"]) == 2
    assert outsider.get("/api/v1/status").json()["documents"] == 1
    unknown = outsider.get(f"/api/v1/documents/{'0' * 64}")
    refused = outsider.get(f"/api/v1/documents/{hidden.id}")
    assert (refused.status_code, refused.json()) == (404, unknown.json())
    assert insider.get(f"/api/v1/documents/{hidden.id}").json()["text"] == hidden.text
    row = outsider.post("/api/v1/ask", json=QUESTION).json()
    assert {one["title"] for one in row["citations"] + row["closest"]} <= {"Animals"}
    assert insider.post("/api/v1/ask", json=QUESTION).json()["citations"][0]["title"] == hidden.title
    after = outsider.get("/api/v1/documents", params={"after": hidden.id})
    assert (after.status_code, hidden.title in after.text) == (404, False)


# keys


def test_a_key_allows_only_its_scopes(tmp_path: Path, keyring: Keyring) -> None:
    settings = {"access": "token", "data": tmp_path, "hosts": (HOST,)}
    _, secret = keyring.make("ada", ["board"], ["ask"], 1)
    hidden = replace(article(), groups=("board",))
    asking = client(settings, hidden, Authorization=f"Bearer {secret}")
    assert asking.post("/api/v1/ask", json=QUESTION).json()["status"] == "answered"
    for path in ("/api/v1/status", "/api/v1/documents", "/metrics"):
        response = asking.get(path)
        assert (response.status_code, response.headers["content-type"]) == (403, "application/problem+json")


def test_an_altered_expired_or_revoked_key_is_refused(tmp_path: Path, keyring: Keyring) -> None:
    settings = {"access": "token", "data": tmp_path, "hosts": (HOST,)}
    key, secret = keyring.make("ada", [], ALL_SCOPES, 1)
    _, other = keyring.make("eve", [], ALL_SCOPES, 1)
    known = client(settings)

    def status(token: str) -> int:
        return known.get("/api/v1/status", headers={"Authorization": f"Bearer {token}"}).status_code

    assert status(secret) == 200
    swapped = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    mixed = f"quoth_{key.id}_{other.rpartition('_')[2]}"
    for wrong in (swapped, mixed, secret.upper(), f"{secret} ", "", "quoth_", "Bearer"):
        assert status(wrong) == 401
    database = keyring._database  # no key can be made that has expired
    database.execute("UPDATE keys SET expires = ? WHERE id = ?", (int(time.time()), key.id))
    assert status(secret) == 401
    assert status(other) == 200
    assert keyring.revoke(keyring.keys()[1].id) or keyring.revoke(keyring.keys()[0].id)


def test_a_key_is_stored_as_a_hash(tmp_path: Path, keyring: Keyring) -> None:
    _, secret = keyring.make("ada", [], ALL_SCOPES, 1)
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert secret.split("_", 2)[2].encode() not in kept
    assert (tmp_path / "keys.sqlite").stat().st_mode & 0o077 == 0


def test_a_person_signs_in_with_a_key(tmp_path: Path, keyring: Keyring) -> None:
    _, secret = keyring.make("ada", [], ALL_SCOPES, 1)
    asking = client({"access": "token", "data": tmp_path, "hosts": (HOST,), "base": "/ask"})
    assert "API key" in asking.get("/ask", follow_redirects=True).text
    assert asking.post("/ask/sign-in", data={"key": "wrong"}).status_code == 403
    signed = asking.post("/ask/sign-in", data={"key": secret}, follow_redirects=False)
    cookie = signed.headers["set-cookie"].lower()
    assert (signed.status_code, signed.headers["location"]) == (303, "/ask/")
    assert all(word in cookie for word in ("secure", "httponly", "samesite=lax", "path=/ask"))
    assert asking.get("/ask/api/v1/status").status_code == 200


# the widget elsewhere

SECRET = secrets.token_hex(32)


@pytest.fixture
def embedded(tmp_path: Path) -> TestClient:
    file = tmp_path / "embed"
    file.write_text(SECRET)
    return client(PROXY | {"embed_secret": file, "data": tmp_path, "origins": (WIKI,)}, address="192.0.2.9")


def embed_token(**changes: Any) -> str:
    now = int(time.time())
    claims = {
        "aud": "quoth-embed", "sub": "ada", "origin": WIKI, "groups": ["board"], "iat": now, "exp": now + 60,
        "jti": secrets.token_hex(8),
    }  # fmt: skip
    secret = changes.pop("secret", SECRET)
    return jwt.encode({k: v for k, v in (claims | changes).items() if v is not None}, secret, "HS256")


def exchange(embedded: TestClient, token: str, origin: str | None = WIKI) -> Any:
    headers = {"Origin": origin} if origin else {}
    return embedded.post("/api/v1/session", json={"token": token}, headers=headers)


def test_an_embed_token_opens_a_session_on_its_origin(embedded: TestClient) -> None:
    given = exchange(embedded, embed_token()).json()
    assert given["expires_in"] == SESSION_SECONDS
    bearer = {"Authorization": f"Bearer {given['token']}"}
    there = embedded.post("/api/v1/ask", json=QUESTION, headers={**bearer, "Origin": WIKI})
    assert there.json()["status"] == "answered"
    assert there.headers["access-control-allow-origin"] == WIKI
    assert "access-control-allow-credentials" not in there.headers
    assert embedded.post("/api/v1/ask", json=QUESTION, headers=bearer).status_code == 401
    assert embedded.get("/metrics", headers={**bearer, "Origin": WIKI}).status_code == 403


def test_an_embed_token_is_valid_once(embedded: TestClient) -> None:
    token = embed_token()
    assert exchange(embedded, token).status_code == 200
    again = exchange(embedded, token)
    assert (again.status_code, again.headers["content-type"]) == (401, "application/problem+json")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": int(time.time()) - 3600, "iat": int(time.time()) - 3660},
        # by the time that this is tried, all that is tried before may have taken minutes
        {"exp": int(time.time()) + LONGEST + 36_000},
        {"secret": "x" * 64},
        {"aud": "quoth-session"},
        {"aud": None},
        {"aud": ["quoth-embed", "quoth-session"]},
        {"origin": "https://elsewhere.example"},
        {"origin": None},
        {"sub": ""},
        {"sub": None},
        {"jti": None},
        {"iat": None},
        {"groups": "board"},
        {"groups": [7]},
    ],
)
def test_an_invalid_embed_token_is_refused(embedded: TestClient, changes: dict[str, Any]) -> None:
    assert exchange(embedded, embed_token(**changes)).status_code == 401


def test_an_unsigned_embed_token_or_one_as_bearer_is_refused(embedded: TestClient) -> None:
    token = embed_token()
    unsigned = jwt.encode(jwt.decode(token, options={"verify_signature": False}), None, "none")
    assert exchange(embedded, unsigned).status_code == 401
    assert exchange(embedded, token, origin=None).status_code == 401
    headers = {"Authorization": f"Bearer {token}", "Origin": WIKI}
    assert embedded.get("/api/v1/status", headers=headers).status_code == 401


def test_a_token_with_both_audiences_is_refused(embedded: TestClient) -> None:
    token = embed_token(aud=["quoth-embed", "quoth-session"])
    shown = embedded.get("/api/v1/status", headers={"Authorization": f"Bearer {token}", "Origin": WIKI})
    assert (shown.status_code, exchange(embedded, token).status_code) == (401, 401)


# sites


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://wiki.example", f"{WIKI}.evil.example"])
def test_pages_of_other_sites_may_not_ask(embedded: TestClient, origin: str) -> None:
    for method, path in (("POST", "/api/v1/ask"), ("OPTIONS", "/api/v1/ask"), ("GET", "/api/v1/live")):
        response = embedded.request(method, path, headers={"Origin": origin})
        assert response.status_code == 403
        assert "access-control-allow-origin" not in response.headers


def test_the_pages_own_origin_may_ask() -> None:
    known = client(PROXY, **{"X-Forwarded-User": "ada"})
    assert known.post("/api/v1/ask", json=QUESTION, headers={"Origin": f"https://{HOST}"}).status_code == 200


def test_only_sites_in_origins_may_frame_the_page(embedded: TestClient) -> None:
    policy = embedded.get("/api/v1/live").headers["content-security-policy"]
    assert policy.endswith(f"frame-ancestors 'self' {WIKI}")


def test_a_preflight_from_a_site_in_origins_needs_no_person(embedded: TestClient) -> None:
    response = embedded.options(
        "/api/v1/ask",
        headers={"Origin": WIKI, "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "authorization, content-type"},
    )  # fmt: skip
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, WIKI)


def test_an_unknown_host_name_is_refused() -> None:
    for host in ("evil.example", f"{HOST}.evil.example", "10.0.0.7", f"{HOST}:8443"):
        response = client(PROXY, **{"X-Forwarded-User": "ada"}).get("/api/v1/status", headers={"Host": host})
        assert response.status_code == 400


@pytest.mark.browser
def test_a_person_signs_in_with_a_key_in_a_browser(tmp_path: Path, keyring: Keyring, browser: Browser) -> None:
    _, secret = keyring.make("ada", ["board"], ALL_SCOPES, 1)
    app = app_of(FakeAnswerer(replace(article(), groups=("board",))), access="token", data=tmp_path, base="/ask")
    with serving(app) as url, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{url}/ask/")
        page.get_by_label("API key").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("not known")
        page.get_by_label("API key").fill(secret)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#sheet")).to_contain_text(article().title, timeout=60_000)
        page.get_by_label("Your question").fill(QUESTION["question"])
        page.keyboard.press("Enter")
        expect(page.locator(".cite").first).to_be_visible(timeout=30_000)
        page.goto(f"{url}/ask/sign-in")
        expect(page.get_by_role("status")).to_have_text("You are signed in as ada.")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("API key")).to_be_visible()
        assert context.cookies() == []
