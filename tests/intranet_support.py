"""An intranet: the sample's pages and quoth behind nginx, configured by the administrator's guide, with sign-on."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from page_support import app_of, serving
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from widget_support import POLICY, SAMPLE, sample

if TYPE_CHECKING:
    from page_support import FakeAnswerer

    from rag.answer import Answerer

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
BASE = "/intranet/ask"
PERSON = "ada"

_GUIDE = Path(__file__).parent.parent / "ui" / "README.md"
_MAIN = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  types {{ text/html html; text/css css; text/javascript js; }}
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {server}
}}
"""
_SITE = """
    location / {{
        root {site};
        add_header Content-Security-Policy "{policy}";
    }}
    location = /favicon.ico {{ return 204; }}
}}
"""


async def _signed_on(request: Request) -> Response:
    """As the service that signs people on answers nginx."""
    if request.cookies.get("person") != PERSON:
        return Response(status_code=401)
    return Response(status_code=202, headers={"X-Auth-Request-User": PERSON, "X-Auth-Request-Groups": "staff"})


def signed_on() -> dict[str, Any]:
    """The options of a browser's context in which a person is signed on."""
    cookie = {"name": "person", "value": PERSON, "domain": "localhost", "path": "/", "expires": -1}
    more = {"httpOnly": True, "secure": False, "sameSite": "Lax"}
    return {"storage_state": {"cookies": [cookie | more], "origins": []}}


def embedding_page(name: str, *changes: tuple[str, str]) -> str:
    """A page of the sample that takes the widget from where the intranet has it."""
    return sample(name, ('src="quoth.js"', f'src="{BASE}/quoth.js"'), *changes)


@contextmanager
def intranet(folder: Path, answerer: Answerer | FakeAnswerer, pages: Mapping[str, str] = {}) -> Iterator[str]:
    """The address of an intranet: the sample's pages at its root, `pages` besides them, and quoth at BASE.

    Where nginx is missing, the test is skipped; in CI it fails.
    """
    if NGINX is None:
        if os.environ.get("CI") == "true":
            pytest.fail("nginx is missing, and CI must try the widget behind it")
        pytest.skip("nginx is not installed")
    site = folder / "site"
    site.mkdir()
    samples = {file.name: embedding_page(file.name) for file in SAMPLE.glob("*.html")}
    style = {file.name: file.read_text("utf-8") for file in SAMPLE.glob("*.css")}
    for name, text in {**samples, **style, **pages}.items():
        (site / name).write_text(text, "utf-8")
    settings = {"access": "proxy", "proxies": ("127.0.0.1",), "base": BASE, "journal": True, "data": folder / "data"}
    with (
        serving(Starlette(routes=[Route("/oauth2/auth", _signed_on)])) as sign_on,
        serving(app_of(answerer, **settings)) as upstream,  # type: ignore[arg-type]
        _nginx(folder, site, upstream, sign_on) as address,
    ):
        yield address


@contextmanager
def _nginx(folder: Path, site: Path, upstream: str, sign_on: str) -> Iterator[str]:
    found = re.search(r"```nginx\n(.*?)```", _GUIDE.read_text("utf-8"), re.DOTALL)
    assert found
    server = found[1].rstrip()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    for given, here in (
        ("server 127.0.0.1:7860;", f"server {upstream.removeprefix('http://')};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        ("http://127.0.0.1:4180", sign_on),
        ("server_name intranet.example;", "server_name localhost;"),
    ):
        assert given in server
        server = server.replace(given, here)
    assert server.endswith("}")
    server = server[:-1] + _SITE.format(site=site, policy=POLICY.format(""))
    file = folder / "nginx.conf"
    file.write_text(_MAIN.format(folder=folder, server=server), "utf-8")
    process = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(file)], stderr=subprocess.PIPE, text=True)
    try:
        while True:
            assert process.poll() is None, process.stderr and process.stderr.read()
            try:
                httpx.get(f"http://localhost:{port}/", timeout=10)
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(20)
