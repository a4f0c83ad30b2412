"""The JSON API: a question in, the row of its answer out."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from index.errors import QuestionError, QuothError
from rag.row import detailed_row_of
from rag.types import Turn

if TYPE_CHECKING:
    from rag.answer import Answerer


class TurnBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    question: str
    answer: str = ""


class AskBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    question: str
    history: list[TurnBody] = []


def add_api(app: FastAPI, answerer: Answerer) -> None:
    """Puts the API's routes under /api/v1 and has errors reported as problems (RFC 9457)."""
    router = APIRouter(prefix="/api/v1")

    @router.post("/ask")
    def ask(body: AskBody) -> dict[str, Any]:
        history = [Turn(turn.question, turn.answer) for turn in body.history]
        return detailed_row_of(answerer.ask(body.question, history), id=uuid.uuid4().hex)

    @router.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ready", "edition": answerer.corpus.edition}

    app.include_router(router)
    app.add_exception_handler(QuothError, _problem)
    app.add_exception_handler(RequestValidationError, _problem)


def _problem(request: Request, error: Exception) -> JSONResponse:
    status = 422 if isinstance(error, RequestValidationError | QuestionError) else 500
    body = {
        "type": "about:blank",
        "title": "This cannot be asked" if status == 422 else "This could not be answered",
        "status": status,
        "detail": "; ".join(map(_fault, error.errors())) if isinstance(error, RequestValidationError) else str(error),
    }
    return JSONResponse(body, status, media_type="application/problem+json")


def _fault(fault: dict[str, Any]) -> str:
    return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
