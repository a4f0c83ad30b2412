"""Problem details (RFC 9457): the response for every error."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse

from index.errors import one_line


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response of this status; `detail` tells the person who asked, in one line."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": one_line(detail),
    }
    # the unread rest of a body that is too large would keep the connection busy
    closing = {"Connection": "close"} if status == 413 else {}
    return JSONResponse(body, status, headers={**closing, **(headers or {})}, media_type="application/problem+json")
