"""The JSON API: a question in, the row of its answer out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from index.errors import QuestionError, QuothError, one_line
from index.strict_json import NotStrictJson, parse_json
from rag.row import detailed_row_of
from rag.types import Turn
from ui.doors import LARGEST, read_body, replayed

if TYPE_CHECKING:
    from rag.answer import Answerer


MOST_TURNS = 50
"""How much of a conversation can be sent along with a question."""


class TurnBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    question: str
    answer: str = ""


class AskBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    question: str
    history: Annotated[list[TurnBody], Field(max_length=MOST_TURNS)] = []
    risk: Annotated[float | None, Field(strict=True, ge=0, le=1)] = None
    """The share of wrong answers to bear; without it, the settings'."""
    why: StrictBool = False
    """Whether to say what the answer, or there being none, comes from."""


class _TooLarge(Exception):
    pass


class _StrictRoute(APIRoute):
    """A route whose body is small and strict JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            body = await read_body(request)
            if body is None:
                raise _TooLarge(f"The request is larger than {LARGEST:,} bytes")
            if body:
                try:
                    parse_json(body.decode())
                except UnicodeDecodeError as error:
                    raise NotStrictJson("not UTF-8") from error
            return await handle(Request(request.scope, replayed(body, request.receive)))

        return strictly


def add_api(app: FastAPI, answerer: Answerer) -> None:
    """Puts the API's routes under /api/v1 and has errors reported as problems (RFC 9457)."""
    router = APIRouter(prefix="/api/v1", route_class=_StrictRoute)

    @router.post("/ask")
    def ask(body: AskBody) -> dict[str, Any]:
        history = [Turn(turn.question, turn.answer) for turn in body.history]
        answer = answerer.ask(body.question, history, risk=body.risk)
        return detailed_row_of(answer, id=uuid.uuid4().hex, why=body.why)

    @router.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ready", "edition": answerer.corpus.edition}

    app.include_router(router)
    for kind in (QuothError, RequestValidationError, NotStrictJson, _TooLarge):
        app.add_exception_handler(kind, _problem)


def _problem(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, _TooLarge):
        status = 413
    else:
        status = 422 if isinstance(error, RequestValidationError | QuestionError | NotStrictJson) else 500
    detail = "; ".join(map(_fault, error.errors())) if isinstance(error, RequestValidationError) else str(error)
    body = {
        "type": "about:blank",
        "title": "This could not be answered" if status == 500 else "This cannot be asked",
        "status": status,
        "detail": one_line(detail),
    }
    return JSONResponse(body, status, media_type="application/problem+json")


def _fault(fault: dict[str, Any]) -> str:
    return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
