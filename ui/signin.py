"""Where a person with an API key says so: a form, and the cookie that it leads to."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ui.access import COOKIE
from ui.doors import read_body
from ui.keyring import Keyring
from ui.problems import problem

PATH = "/sign-in"
_DAYS = 30

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in – quoth</title><link rel="icon" href="data:,"><style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center }}
form {{ width: min(24rem, 90vw); display: grid; gap: .75rem }}
h1 {{ margin: 0; font-size: 1.25rem }} p {{ margin: 0 }}
input, button {{ font: inherit; padding: .6rem .75rem; border-radius: .4rem; border: 1px solid GrayText }}
button {{ cursor: pointer }}
</style></head><body><form method="post"><h1>quoth</h1><p role="status">{said}</p>
<label for="key">API key</label><input id="key" name="key" type="password" autocomplete="off" required autofocus>
<button>Sign in</button></form></body></html>
"""


def sign_in(keyring: Keyring, base: str) -> Route:
    """The form, at `base` and PATH."""

    async def handle(request: Request) -> Response:
        if request.method != "POST":
            return _form("Enter the API key that you were given.", 200)
        body = await read_body(request)
        if body is None:
            return problem(413, "An API key is not that large")
        given = parse_qs(body.decode("latin-1")).get("key", [""])[0].strip()
        if await asyncio.to_thread(keyring.person, given) is None:
            return _form("This key is not known, or no longer. Ask whoever gave it to you for another.", 403)
        response = RedirectResponse(f"{base}/", 303)
        response.set_cookie(
            COOKIE, given, max_age=_DAYS * 86_400, path=base or "/", secure=True, httponly=True, samesite="strict"
        )
        return response

    return Route(f"{base}{PATH}", handle, methods=["GET", "POST"])


def _form(said: str, status: int) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(said=said), status, {"Cache-Control": "no-store"})
