"""The file of API keys: made by several processes at once, private, and named if it cannot be used."""

import asyncio
import fcntl
import os
import secrets
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from page_support import FakeAnswerer, app_of, article
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient

from index.errors import SettingsError
from ui.access.embed_token import EmbedTokens
from ui.access.identify import COOKIE, identification
from ui.access.keyring import FILE, Keyring
from ui.access.person import ALL_SCOPES, Person
from ui.access.sign_in import sign_in
from ui.settings import ServerSettings as Settings

ROOT = Path(__file__).parent.parent

WIKI = "https://wiki.example"
SECRET = secrets.token_bytes(32)

OPENER = """
import sys
from pathlib import Path
from ui.access.keyring import Keyring

folders = [Path(line) for line in sys.argv[1:]]
sys.stdin.readline()
for folder in folders:
    Keyring.open(folder).make("ada", [], ["ask"], 1)
"""


def test_several_processes_begin_a_keyring_at_once(tmp_path: Path) -> None:
    folders = [tmp_path / str(n) / "data" for n in range(10)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, *map(str, folders)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, complaint = process.communicate()
        assert process.returncode == 0, complaint
    for folder in folders:
        with closing(Keyring.open(folder)) as keyring:
            assert len(keyring.keys()) == len(processes)


def test_opening_a_keyring_waits_for_another_process_that_makes_it(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    opener = threading.Thread(target=lambda: Keyring.open(tmp_path).close())
    opener.start()
    opener.join(0.2)
    assert not (tmp_path / FILE).exists()
    os.close(descriptor)
    opener.join()
    assert (tmp_path / FILE).exists()


def test_the_folder_and_the_file_are_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Keyring.open(tmp_path / "data").close()
    finally:
        os.umask(before)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600


def test_a_place_where_no_keys_can_be_stored_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be made"):
        Keyring.open(tmp_path / "file" / "data")
    (tmp_path / FILE).write_text("no database" * 1000)
    with pytest.raises(SettingsError, match=f"{FILE} cannot be used.*Set QUOTH_DATA"):
        Keyring.open(tmp_path)


def test_a_file_that_can_no_longer_be_used_is_named(tmp_path: Path) -> None:
    with closing(Keyring.open(tmp_path)) as keyring:
        _, secret = keyring.make("ada", [], ALL_SCOPES, 1)
        keyring._database.execute("DROP TABLE keys")  # as good as a damaged file, and sooner done
        for use in (keyring.keys, lambda: keyring.person(secret), lambda: keyring.make("ada", [], ALL_SCOPES, 1)):
            with pytest.raises(SettingsError, match=r"keys\.sqlite cannot be used"):
                use()


looked: list[int] = []


class Watched(Keyring):
    """Keeps in which threads it was looked into."""

    def person(self, text: str) -> Person | None:
        looked.append(threading.get_ident())
        return super().person(text)

    def spend(self, id: str, expires: int) -> bool:
        looked.append(threading.get_ident())
        return super().spend(id, expires)


@pytest.mark.parametrize("way", ["key", "cookie", "exchange", "sign-in"])
def test_the_file_is_never_read_on_the_event_loop(tmp_path: Path, way: str) -> None:
    looked.clear()
    with closing(Watched.open(tmp_path)) as keyring:
        _, key = keyring.make("ada", [], ALL_SCOPES, 1)
        identify = identification(Settings(access="token"), keyring, None)

        async def look() -> int:
            scope: dict[str, Any] = {"type": "http", "headers": []}
            if way == "exchange":
                assert await EmbedTokens(SECRET, (WIKI,), keyring).exchange(embed_token(), WIKI)
            elif way == "sign-in":
                transport = httpx.ASGITransport(Starlette(routes=[sign_in(keyring, "")]))
                async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                    assert (await client.post("/sign-in", data={"key": key})).status_code == 303
            else:
                sent = (b"authorization", f"Bearer {key}") if way == "key" else (b"cookie", f"{COOKIE}={key}")
                scope["headers"] = [(sent[0], sent[1].encode())]
                person = await identify(HTTPConnection(scope))
                assert person is not None
            return threading.get_ident()

        loop = asyncio.run(look())
    assert looked
    assert loop not in looked


@pytest.mark.parametrize("access", ["none", "proxy", "token"])
def test_if_keys_cannot_be_checked_the_answer_is_a_503_without_details(tmp_path: Path, access: str) -> None:
    (tmp_path / "embed").write_bytes(SECRET)
    settings: dict[str, Any] = {"access": access, "data": tmp_path, "embed_secret": tmp_path / "embed"}
    settings |= {"origins": (WIKI,), "proxies": ("10.0.0.7",)}
    app = app_of(FakeAnswerer(article()), **settings)
    asking = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    with closing(Keyring.open(tmp_path)) as keyring:
        _, key = keyring.make("ada", [], ALL_SCOPES, 1)
        keyring._database.executescript("DROP TABLE keys; DROP TABLE spent")
    tried = [
        asking.get("/api/v1/status", headers={"Authorization": f"Bearer {key}"}),
        asking.post("/api/v1/session", json={"token": embed_token()}, headers={"Origin": WIKI}),
    ]
    if access == "token":
        tried.append(asking.get("/api/v1/status", headers={"Cookie": f"{COOKIE}={key}"}))
        tried.append(asking.post("/sign-in", data={"key": key}))
    for response in tried:
        assert (response.status_code, response.headers["content-type"]) == (503, "application/problem+json")
        assert str(tmp_path) not in response.text
        assert "keys" not in response.text
    assert tried[0].headers["retry-after"] == "10"
    # who shows nothing is asked for nothing
    assert asking.get("/api/v1/live").status_code == 204


def embed_token() -> str:
    now = int(time.time())
    claims = {"aud": "quoth-embed", "sub": "ada", "origin": WIKI, "iat": now, "exp": now + 60, "jti": "one"}
    return jwt.encode(claims, SECRET, "HS256")
