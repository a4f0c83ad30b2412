"""What went wrong as an answer: problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse

from index.errors import one_line


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The problem of this status; `detail` says it in one line, to the person who asked."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": one_line(detail),
    }
    return JSONResponse(body, status, headers=dict(headers or {}), media_type="application/problem+json")
