"""Guards gradio: lets through only the requests that the page makes.

gradio also fetches files by URL, takes uploads, and shows other people's conversations.
"""

import re
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from index.strict_json import parse_json
from ui.http.body_limit import replayed
from ui.http.problem import problem

MOST_STREAMS = 32
"""The most open streams of one person. A tab of the page has two; a browser has at most six, except with HTTP/2."""
MOST_STREAMS_IN_ALL = 400
"""The most open streams of all: fewer than the server's connections, so that some are left for the API."""
_LONGEST_NAME = 100
"""The longest name of a conversation, in characters. Browsers choose names of about ten."""

_ANOTHERS = problem(403, "This conversation is another person's")
_RETRY = {"Retry-After": "10"}
_TOO_MANY = problem(
    429, f"You hold {MOST_STREAMS} streams open, the most of one person. Close a tab of this page", _RETRY
)
_NO_ROOM = problem(503, "As many pages are open as may be", _RETRY)
_SENT = "quoth.sent"
"""The key of a scope under which `only_the_page` leaves the body for `only_listeners`."""

_ALLOWED = {
    "GET": re.compile(
        r"/|/(?:theme\.css|favicon\.ico|robots\.txt)|/(?:assets|static)/.*"
        r"|/gradio_api/(?:queue/data|startup-events|heartbeat/\w+)"
    ),
    "POST": re.compile(r"/gradio_api/(?:queue/join|run/predict|cancel|reset)"),
}
_STREAMS = re.compile(r"/gradio_api/(?:queue/data|heartbeat/\w+)")
_MISLEADING = (b"x-forwarded-host", b"x-gradio-server")
"""Headers from which gradio takes its address. A client could forge it, and the page would send its questions there."""


class Conversations:
    """The owners of conversations. Browsers choose the names, so a person could send the name of another's."""

    def __init__(self, most: int = 100_000) -> None:
        self._owners: OrderedDict[str, str | None] = OrderedDict()
        self._most = most

    def open_to(self, name: str, user: str | None) -> bool:
        """Whether the conversation is the user's. It belongs to the first who names it."""
        if len(name) > _LONGEST_NAME:
            return False
        owner = self._owners.setdefault(name, user)
        self._owners.move_to_end(name)
        while len(self._owners) > self._most:
            self._owners.popitem(last=False)
        return owner == user


def only_the_page(app: ASGIApp, base: str = "") -> ASGIApp:
    """Middleware for the page, served under `base`. Allows only the page's paths, inputs that are strings, and
    conversations of the same person. Limits the open streams of one person and of all."""
    conversations, streams = Conversations(), Counter[str]()

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"].replace("HEAD", "GET")
        full_path = scope["path"].removeprefix(scope.get("root_path", ""))
        path = full_path.removeprefix(base)
        user = person.user if (person := scope.get("state", {}).get("person")) else None
        scope["headers"] = [(name, value) for name, value in scope.get("headers", []) if name not in _MISLEADING]
        if base and full_path == base and method == "GET":
            # Without scheme and host, which a proxy may change.
            await RedirectResponse(f"{base}/")(scope, receive, send)
        elif not full_path.startswith(f"{base}/") or method not in _ALLOWED or not _ALLOWED[method].fullmatch(path):
            await problem(404, "There is no such page")(scope, receive, send)
        elif not all(conversations.open_to(name, user) for name in _names(scope, path)):
            await _ANOTHERS(scope, receive, send)
        elif method == "GET" and _STREAMS.fullmatch(path):
            holder = user or (scope.get("client") or [""])[0]
            if streams[holder] >= MOST_STREAMS or streams.total() >= MOST_STREAMS_IN_ALL:
                await (_TOO_MANY if streams[holder] >= MOST_STREAMS else _NO_ROOM)(scope, receive, send)
                return
            streams[holder] += 1
            try:
                await app(scope, receive, send)
            finally:
                streams[holder] -= 1
                if not streams[holder]:
                    del streams[holder]
        elif method == "GET":
            await app(scope, receive, send)
        elif (sent := _parsed(body := await Request(scope, receive).body())) is None:
            await problem(400, "Send JSON with texts only")(scope, receive, send)
        elif sent.get("session_hash") and not conversations.open_to(str(sent["session_hash"]), user):
            await _ANOTHERS(scope, receive, send)
        else:
            scope[_SENT] = sent
            await app(scope, replayed(body, receive), send)

    return guard


def _names(scope: Scope, path: str) -> list[str]:
    """The conversations that a path and its query name."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    heartbeat = [path.rpartition("/")[2]] if path.startswith("/gradio_api/heartbeat/") else []
    return query.get("session_hash", []) + heartbeat


def _parsed(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body; None if there is no object or its data is not all strings.

    gradio treats other data as names of files, and fetches them from anywhere.
    """
    try:
        sent = parse_json(body.decode())
    except ValueError:
        return None
    data = sent.get("data", []) if isinstance(sent, dict) else None
    texts_only = isinstance(data, list) and all(value is None or isinstance(value, str) for value in data)
    return dict(sent) if texts_only else None


def only_listeners(app: ASGIApp, functions: Mapping[int, int]) -> ASGIApp:
    """Middleware inside `only_the_page`: allows only calls of `functions`, by number, with the right count of inputs.
    gradio fails on others."""

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        sent, called = scope.get(_SENT), scope["path"].rpartition("/")[2]
        # A GET sends nothing, and a reset names no function.
        if sent is not None and called != "reset":
            number = sent.get("fn_index")
            inputs = functions.get(number) if isinstance(number, int) else None
            if inputs is None or (called != "cancel" and len(sent.get("data", [])) < inputs):
                await problem(400, "The page has no such function, or it takes more inputs")(scope, receive, send)
                return
        await app(scope, receive, send)

    return check
