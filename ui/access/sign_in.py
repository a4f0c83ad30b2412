"""Sign-in and sign-out: a form that takes an API key and keeps it in a cookie."""

import asyncio
from importlib.resources import files
from urllib.parse import parse_qs

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ui.access.identify import COOKIE
from ui.access.keyring import Keyring
from ui.access.person import missing_for_page, person_of
from ui.http.problem import problem
from ui.http.trusted_host import is_own

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"

_SECONDS = 30 * 86_400
_OTHER_SITE = "Pages of other sites cannot sign anyone in or out"
_LACKS = "The page needs the scopes ask and read: this key lacks {missing}."
_ANOTHER = "Ask for another key where you got this one."


def sign_in(keyring: Keyring, base: str) -> Route:
    """The route of the form. Someone who is signed in gets a button to sign out instead."""
    source = (files("ui.access") / "sign_in.html.jinja").read_text(encoding="utf-8")
    template = Environment(autoescape=True).from_string(source)

    def page(message: str, *, user: str | None = None, status: int = 200) -> Response:
        return HTMLResponse(template.render(message=message, user=user, base=base), status)

    async def handle(request: Request) -> Response:
        if request.method != "POST":
            signed_in = person_of(request.scope)
            if signed_in.user is None:
                return page("Enter the API key that you were given.")
            missing = missing_for_page(signed_in)
            lacks = f" {_LACKS.format(missing=missing)}" if missing else ""
            return page(f"You are signed in as {signed_in.user}.{lacks}", user=signed_in.user)
        if not is_own(request.headers):
            return problem(403, _OTHER_SITE)
        key = parse_qs((await request.body()).decode("latin-1")).get("key", [""])[0].strip()
        person = await asyncio.to_thread(keyring.person, key)
        if person is None:
            return page(f"This key is not known, or not valid any more. {_ANOTHER}", status=403)
        if missing := missing_for_page(person):
            return page(f"{_LACKS.format(missing=missing)} {_ANOTHER}", status=403)
        response = RedirectResponse(f"{base}/", 303)
        # Lax, so that a link on another site opens the page and not this form. Browsers send a Lax cookie with no POST
        # from another domain. They do from a sibling (wiki.example.com beside ask.example.com), and there
        # ui.access.identify ignores it.
        response.set_cookie(COOKIE, key, max_age=_SECONDS, path=base or "/", secure=True, httponly=True, samesite="lax")
        return response

    return Route(f"{base}{SIGN_IN}", handle, methods=["GET", "POST"])


def sign_out(base: str) -> Route:
    """The route that makes the browser forget its key. The key stays valid: it may be in use elsewhere."""

    async def handle(request: Request) -> Response:
        if not is_own(request.headers):
            return problem(403, _OTHER_SITE)
        response = RedirectResponse(f"{base}{SIGN_IN}", 303)
        response.delete_cookie(COOKIE, path=base or "/", secure=True, httponly=True, samesite="lax")
        return response

    return Route(f"{base}{SIGN_OUT}", handle, methods=["POST"])
