"""Lets through only what the page asks of gradio, which offers much else: files fetched by URL, uploads, and the
conversations of others."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from index.strict_json import parse_json
from ui.http.body_limit import TOO_LARGE, read_body, replayed
from ui.http.problem import problem
from ui.http.rate_limit import Held

MOST_STREAMS = 32
"""That one person may hold open: a tab of the page holds two, and a browser no more than six unless over HTTP/2."""
MOST_STREAMS_IN_ALL = 400
"""Fewer than there may be connections, so that whoever asks by the API still has one."""
_RETRY_SECONDS = 10
_LONGEST_NAME = 100
"""Characters of a conversation's name: browsers make them of about ten."""

_ANOTHERS = "This conversation is another person's"
_SENT = "quoth.sent"
"""Where a scope holds what was sent, for `only_listeners`."""

_DOORS = {
    "GET": re.compile(
        r"/|/(?:theme\.css|favicon\.ico|robots\.txt)|/(?:assets|static)/.*"
        r"|/gradio_api/(?:queue/data|startup-events|heartbeat/\w+)"
    ),
    "POST": re.compile(r"/gradio_api/(?:queue/join|run/predict|cancel|reset)"),
}
_STREAMS = re.compile(r"/gradio_api/(?:queue/data|heartbeat/\w+)")
"""Those that stay open for as long as the browser likes."""
_MISLEADING = (b"x-forwarded-host", b"x-gradio-server")
"""Headers that gradio believes to say where it is, whoever sent them: a page would be told to ask there."""


class Conversations:
    """Whose each conversation is. Their names are made by browsers, so one person might try another's."""

    def __init__(self, most: int = 100_000) -> None:
        self._owners: OrderedDict[str, str | None] = OrderedDict()
        self._most = most

    def open_to(self, name: str, user: str | None) -> bool:
        """Whether the conversation is the user's; the first who comes with its name has it."""
        if len(name) > _LONGEST_NAME:
            return False
        owner = self._owners.setdefault(name, user)
        self._owners.move_to_end(name)
        while len(self._owners) > self._most:
            self._owners.popitem(last=False)
        return owner == user


def only_the_page(app: ASGIApp, base: str = "") -> ASGIApp:
    """`app`, which serves under `base`, with every path that the page does not need closed, with nothing but texts
    for its inputs, with each conversation open to the person alone who began it, and with no more streams open to one
    person than anyone needs, or to all than the server has connections to spare."""
    conversations, streams, all_streams = Conversations(), Held(MOST_STREAMS), Held(MOST_STREAMS_IN_ALL)

    async def doorkeeper(scope: Scope, receive: Receive, send: Send) -> None:
        method = scope.get("method", "").replace("HEAD", "GET")
        path = _under(base, scope["path"].removeprefix(scope.get("root_path", "")))
        user = person.user if (person := scope.get("state", {}).get("person")) else None
        scope["headers"] = [(name, value) for name, value in scope.get("headers", []) if name not in _MISLEADING]
        if base and path == "" and method == "GET":
            # without scheme and host, which behind a proxy are others than here
            await RedirectResponse(f"{base}/")(scope, receive, send)
        elif path is None or method not in _DOORS or not _DOORS[method].fullmatch(path):
            await problem(404, "There is no such page")(scope, receive, send)
        elif not all(conversations.open_to(name, user) for name in _named(scope, path)):
            await problem(403, _ANOTHERS)(scope, receive, send)
        elif method == "GET" and _STREAMS.fullmatch(path):
            with streams.one_more(user or _address(scope)) as may, all_streams.one_more("") as room:
                await (_too_many_streams() if not may else app if room else _no_room())(scope, receive, send)
        elif method == "GET":
            await app(scope, receive, send)
        else:
            body = await read_body(Request(scope, receive))
            if body is None:
                await problem(413, TOO_LARGE)(scope, receive, send)
            elif isinstance(sent := _sent(body), Response):
                await sent(scope, receive, send)
            elif sent.get("session_hash") and not conversations.open_to(str(sent["session_hash"]), user):
                await problem(403, _ANOTHERS)(scope, receive, send)
            else:
                scope[_SENT] = sent
                await app(scope, replayed(body, receive), send)

    return doorkeeper


def _too_many_streams() -> Response:
    said = f"You hold {MOST_STREAMS} streams open, as many as one person may. Close a tab of this page"
    return problem(429, said, {"Retry-After": str(_RETRY_SECONDS)})


def _no_room() -> Response:
    return problem(503, "As many pages are open as may be", {"Retry-After": str(_RETRY_SECONDS)})


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _under(base: str, path: str) -> str | None:
    """The path below `base`; None where it is not below it."""
    return path.removeprefix(base) if path == base or path.startswith(f"{base}/") else None


def _named(scope: Scope, path: str) -> list[str]:
    """The conversations that a path and its query name."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    beats = [path.rpartition("/")[2]] if path.startswith("/gradio_api/heartbeat/") else []
    return query.get("session_hash", []) + beats


def only_listeners(app: ASGIApp, functions: Mapping[int, int]) -> ASGIApp:
    """`app`, the page itself, asked only for these functions (their number -> how many inputs each has): at another's
    number, or with fewer inputs, gradio would stumble."""

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        sent = scope.get(_SENT)
        called = scope["path"].rpartition("/")[2]
        # what is reset is named otherwise
        known = sent is None or called == "reset" or _is_one_of(functions, sent, with_inputs=called != "cancel")
        await (app if known else problem(400, "The page has no such function, or it takes more inputs"))(
            scope, receive, send
        )

    return check


def _is_one_of(functions: Mapping[int, int], sent: Mapping[str, Any], *, with_inputs: bool) -> bool:
    number = sent.get("fn_index")
    if not isinstance(number, int) or number not in functions:
        return False
    return not with_inputs or len(sent.get("data", [])) >= functions[number]


def _sent(body: bytes) -> dict[str, Any] | Response:
    try:
        sent = parse_json(body.decode())
    except ValueError:
        return problem(400, "Not JSON")
    # Anything but texts may name a file, which gradio would fetch, from wherever it is said to lie.
    data = sent.get("data", []) if isinstance(sent, dict) else None
    if not isinstance(data, list) or not all(value is None or isinstance(value, str) for value in data):
        return problem(400, "Only texts can be sent")
    return dict(sent)
