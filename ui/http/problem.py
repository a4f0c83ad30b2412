"""Problem details (RFC 9457): the response for every error."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse

from index.errors import one_line


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response of this status; `detail` tells the person who asked, in one line."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": one_line(detail)}
    return JSONResponse(body, status, headers, media_type="application/problem+json")
