"""Where a person with an API key says so: a form, and the cookie that it leads to; and how that is forgotten."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ui.access.identify import COOKIE, barred, person_of
from ui.access.keyring import Keyring
from ui.http.body_limit import read_body
from ui.http.problem import problem
from ui.http.trusted_host import is_own

PATH = "/sign-in"
OUT = "/sign-out"

_DAYS = 30
_ELSEWHERE = "This is for our own pages alone: no other site signs anybody in or out"
_BARRED = "This key may not {missing}, which the page takes."
_ANOTHER = "Ask whoever gave it to you for another."

_PAGE = Markup("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – quoth</title><link rel="icon" href="data:,"><style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center }}
main {{ width: min(24rem, 90vw) }} main, form {{ display: grid; gap: .75rem }}
h1 {{ margin: 0; font-size: 1.25rem }} p {{ margin: 0; overflow-wrap: anywhere }}
input, button {{ font: inherit; padding: .6rem .75rem; border-radius: .4rem; border: 1px solid GrayText }}
button {{ cursor: pointer }}
</style></head><body><main><h1>quoth</h1><p role="status">{said}</p>
{below}</main></body></html>
""")
_FORM = Markup("""<form method="post"><label for="key">API key</label>
<input id="key" name="key" type="password" autocomplete="off" required autofocus>
<button>Sign in</button></form>""")
_SIGNED_IN = Markup("""<p><a href="{base}/">Ask a question</a></p>
<form method="post" action="{base}{out}"><button>Sign out</button></form>""")


def sign_in(keyring: Keyring, base: str) -> Route:
    """The form, at `base` and PATH; for who is signed in, a way out instead."""

    async def handle(request: Request) -> Response:
        if request.method != "POST":
            return _greeting(request, base)
        if not is_own(request.headers):
            return problem(403, _ELSEWHERE)
        body = await read_body(request)
        if body is None:
            return problem(413, "An API key is not that large")
        given = parse_qs(body.decode("latin-1")).get("key", [""])[0].strip()
        person = await asyncio.to_thread(keyring.person, given)
        if person is None:
            return _form(f"This key is not known, or no longer. {_ANOTHER}", 403)
        if missing := barred(person):
            return _form(f"{_BARRED.format(missing=missing)} {_ANOTHER}", 403)
        response = RedirectResponse(f"{base}/", 303)
        # Lax, so that a link in another site's page leads to the page and not to this form. That lets no other page do
        # anything: what changes something is a POST, with which those of another domain do not send it. Those of a
        # neighbouring one (wiki.example.com beside ask.example.com) do, and from them it does not count, though the
        # gate lets them in where origins names them.
        response.set_cookie(
            COOKIE, given, max_age=_DAYS * 86_400, path=base or "/", secure=True, httponly=True, samesite="lax"
        )
        return response

    return Route(f"{base}{PATH}", handle, methods=["GET", "POST"])


def sign_out(base: str) -> Route:
    """Has the browser forget its key, at `base` and OUT. The key itself is good still: it may be used elsewhere."""

    async def handle(request: Request) -> Response:
        if not is_own(request.headers):
            return problem(403, _ELSEWHERE)
        response = RedirectResponse(f"{base}{PATH}", 303)
        response.delete_cookie(COOKIE, path=base or "/", secure=True, httponly=True, samesite="lax")
        return response

    return Route(f"{base}{OUT}", handle, methods=["POST"])


def _greeting(request: Request, base: str) -> Response:
    person = person_of(request.scope)
    if person.user is None:
        return _form("Enter the API key that you were given.", 200)
    said = f"You are signed in as {person.user}."
    if missing := barred(person):
        said += f" {_BARRED.format(missing=missing)}"
    return HTMLResponse(_PAGE.format(title="Signed in", said=said, below=_SIGNED_IN.format(base=base, out=OUT)))


def _form(said: str, status: int) -> Response:
    return HTMLResponse(_PAGE.format(title="Sign in", said=said, below=_FORM), status)
