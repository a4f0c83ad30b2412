"""Path traversal: no spelling of a path gives a file that is not served."""

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from page_support import FakeAnswerer, app_of, article, serving

from ui.journal.audit import FILE as AUDIT
from ui.journal.journal import FILE as JOURNAL

BASE = "/ask"
HOLDS = ("root:x:", "[project]", "SQLite format", "import annotations", "who reads what")
"""What /etc/passwd, pyproject.toml, the journal, the sources and the audit log would be known by."""

UP = ["..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "..;", "%c0%ae%c0%ae", "\\..", "%5c.."]
SLASHES = ["/", "//", "%2f", "%2F", "%252f", "\\", "%5c"]
"""The ways in which a step up and what parts it from the next are written."""
FROM = [
    "/",
    "/assets/",
    "/static/",
    "/static/img/",
    "/quoth.js/",
    "/theme.css/",
    "/gradio_api/heartbeat/",
    "/gradio_api/file=",
    "/gradio_api/",
    "/api/v1/documents/",
    "/api/v1/docs/static/",
    "/api/v1/",
]


@pytest.fixture(scope="module", params=["", BASE], ids=["root", "base"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real application with the page in it, and files beside it that are worth having."""
    data = tmp_path_factory.mktemp("data")
    (data / AUDIT).write_text("who reads what")
    with serving(app_of(FakeAnswerer(article()), base=request.param, data=data, journal=True)) as url:
        assert (data / JOURNAL).exists()
        yield f"{url}{request.param}"


def got(connection: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    """What is answered for a path that is sent as it is: clients would put it in order."""
    connection.putrequest("GET", path, skip_accept_encoding=True)
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.read().decode("utf-8", "replace")


def check(address: str, paths: Iterator[str]) -> None:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    for path in paths:
        status, body = got(connection, f"{parts.path}{path}")
        assert 400 <= status < 500, (path, status)
        assert not any(held in body for held in HOLDS), path
    connection.close()


@pytest.mark.parametrize("start", FROM)
def test_no_way_up_leads_to_a_file(address: str, start: str) -> None:
    goals = ("etc/passwd", "pyproject.toml", "ui/app.py", JOURNAL, AUDIT)
    check(
        address,
        (
            f"{start}{slash.join([up] * deep + [goal])}"
            for up in UP
            for slash in SLASHES
            for goal in goals[: 5 if (up, slash) == ("..", "/") else 1]
            for deep in (1, 6)
        ),
    )


def test_no_absolute_path_leads_to_a_file(address: str) -> None:
    goals = (
        "/etc/passwd",
        "//etc/passwd",
        "%2fetc%2fpasswd",
        "%2f%2fetc/passwd",
        "C:%5cboot.ini",
        "file:///etc/passwd",
    )
    check(address, (f"{start}{goal}" for start in FROM for goal in (*goals, "etc/passwd%00.js", "%00/etc/passwd")))


def test_paths_that_exist_are_served(address: str) -> None:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    for path in ("/quoth.js", f"/api/v1/documents/{article().id}", "/"):
        assert got(connection, f"{parts.path}{path}")[0] == 200
    connection.close()
