"""The JSON API: a question in, the row of its answer out; documents, receipts, feedback, and how the server does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from index.errors import QuestionError, QuothError, ReceiptError
from index.strict_json import NotStrictJson, parse_json
from index.types import Document
from rag.receipt import Receipt
from rag.types import Turn
from ui.access.embed_token import SESSION_SECONDS
from ui.access.identify import SCOPES, Person, person_of
from ui.api.schema import (
    MOST_DOCUMENTS,
    AnswerBody,
    AskBody,
    DocumentsBody,
    FeedbackBody,
    ProblemBody,
    SessionBody,
    StatusBody,
    TokenBody,
    VerdictsBody,
    VerifyBody,
    WholeDocumentBody,
)
from ui.http.body_limit import TOO_LARGE, read_body, replayed
from ui.http.problem import problem
from ui.http.rate_limit import Later, Overloaded
from ui.service import public_message

if TYPE_CHECKING:
    from rag.answer import Answerer
    from ui.access.embed_token import Embedding
    from ui.service import Service

PREFIX = "/api/v1"

_MENDED = "60"
"""Seconds after which to ask again where something is wrong here: somebody has to see to it."""


class _TooLarge(Exception):
    pass


class _StrictRoute(APIRoute):
    """A route whose body is small and strict JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            body = await read_body(request)
            if body is None:
                raise _TooLarge(TOO_LARGE)
            if body:
                try:
                    parse_json(body.decode())
                except UnicodeDecodeError as error:
                    raise NotStrictJson("not UTF-8") from error
            return await handle(Request(request.scope, replayed(body, request.receive)))

        return strictly


def _needing(scope: str) -> Callable[[Request], Awaitable[Person]]:
    assert scope in SCOPES

    # not a plain function: for that a thread would be waited for
    async def person(request: Request) -> Person:
        person = person_of(request.scope)
        if scope not in person.scopes:
            raise HTTPException(403, f"This takes the scope {scope}, which you have not")
        return person

    return person


_Asking = Annotated[Person, Depends(_needing("ask"))]
_Reading = Annotated[Person, Depends(_needing("read"))]
_Judging = Annotated[Person, Depends(_needing("feedback"))]
_Watching = Annotated[Person, Depends(_needing("metrics"))]

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": ProblemBody.model_json_schema()}},
    }
    for status, description in {
        400: "The request is none that is served here",
        401: "It is not known who is asking",
        403: "This person, or this site, may not",
        404: "There is no such thing, or not for you",
        408: "The request came too slowly",
        413: "The request is too large",
        422: "This cannot be asked",
        429: "Too many questions, or reads, in a short time; Retry-After says when to go on",
        500: "This could not be answered",
        503: "Too many are asking, or something is wrong here; Retry-After says when to ask again",
    }.items()
}


def api(service: Service, embedding: Embedding | None, built: Callable[[], bool]) -> APIRouter:
    """The routes under PREFIX; `built` says whether the rest of the server is, beside which answers come slowly."""
    router = APIRouter(prefix=PREFIX, route_class=_StrictRoute, responses=_PROBLEMS)

    @router.post("/ask", response_model=AnswerBody, response_model_exclude_unset=True)
    async def ask(body: AskBody, person: _Asking, request: Request) -> dict[str, Any]:
        """Answers a question in the documents' own words, or says that they do not."""
        history = [Turn(turn.question, turn.answer, tuple(turn.documents)) for turn in body.history]
        row = await service.ask_row(
            person, body.question, history, risk=body.risk, why=body.why, caller=_caller(request)
        )
        return row | {"feedback": service.takes_feedback(person)}

    @router.get("/documents", response_model=DocumentsBody)
    async def documents(
        person: _Reading,
        request: Request,
        q: Annotated[str, Query(max_length=200, description="Words of the title, in any order.")] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_DOCUMENTS, description="How many, at most.")] = MOST_DOCUMENTS,
        after: Annotated[str, Query(max_length=64, description="The next of the answer before.")] = "",
    ) -> dict[str, Any]:
        """The documents that you may read, in the order in which they were indexed."""
        try:
            return await service.read(
                person, "titles", lambda answerer: _listed(answerer, q, limit, after), caller=_caller(request)
            )
        except KeyError as error:
            raise HTTPException(404, "There is no such document to go on from") from error

    @router.get("/documents/{id}", response_model=WholeDocumentBody)
    async def document(
        id: Annotated[str, Path(max_length=64, description="The document_id of a citation.")],
        person: _Reading,
        request: Request,
    ) -> dict[str, Any]:
        """One document with its text, of which all offsets are."""
        try:
            found = await service.read(
                person, id, lambda answerer: answerer.corpus.document(id), caller=_caller(request)
            )
        except KeyError as error:
            raise HTTPException(404, "There is no such document") from error
        return {**_about(found), "text": found.text}

    @router.post("/verify", response_model=VerdictsBody, response_model_exclude_unset=True)
    async def verify(body: VerifyBody, person: _Reading, request: Request) -> dict[str, Any]:
        """What became of citations that were given out earlier. Counts as a question does."""
        receipts = [Receipt.from_json(one.model_dump()) for one in body.receipts]
        verdicts = await service.verify(person, receipts, caller=_caller(request))
        return {"verdicts": [verdict.to_json() for verdict in verdicts]}

    @router.post("/feedback", status_code=204)
    async def feedback(body: FeedbackBody, person: _Judging, request: Request) -> None:
        """Whether an answer helped."""
        if not await service.feedback(person, body.id, body.verdict, body.comment, caller=_caller(request)):
            raise HTTPException(404, "There is no such answer of yours, or feedback is not kept here")

    @router.get("/status", response_model=StatusBody)
    async def status(person: _Reading, request: Request) -> dict[str, Any]:
        """The corpus as you may read it."""
        return await service.read(person, "status", _status, caller=_caller(request))

    @router.post("/session", response_model=TokenBody)
    async def session(body: SessionBody, request: Request) -> dict[str, Any]:
        """Exchanges an embed token, once, for the token of the widget's session."""
        token = await embedding.exchange(body.token, request.headers.get("origin")) if embedding else None
        if token is None:
            raise HTTPException(401, "This embed token is not good here: expired, used before, or another site's")
        return {"token": token, "expires_in": SESSION_SECONDS}

    # some who watch over servers ask by HEAD
    @router.head("/live", status_code=204, include_in_schema=False)
    @router.get("/live", status_code=204)
    async def live() -> None:
        """That the process runs."""

    @router.head("/ready", status_code=204, include_in_schema=False)
    @router.get("/ready", status_code=204)
    async def ready() -> None:
        """That the next question is answered at full speed: the page is built too, by then."""
        if not built():
            raise HTTPException(503, "The page is still being built", {"Retry-After": "1"})

    return router


def add_metrics(app: FastAPI, service: Service, base: str) -> None:
    """Puts the server's figures, as Prometheus reads them, at /metrics."""

    @app.get(f"{base}/metrics", include_in_schema=False)
    async def metrics(person: _Watching) -> Response:
        body, kind = service.metrics.exposition()
        return Response(body, media_type=kind)


def add_problems(app: FastAPI) -> None:
    """Has everything that goes wrong reported as a problem."""
    for kind in (QuothError, RequestValidationError, NotStrictJson, _TooLarge, Later, HTTPException):
        app.add_exception_handler(kind, _problem)
    app.add_exception_handler(Exception, _broken)


def no_others(app: ASGIApp, base: str) -> ASGIApp:
    """`app`, the page, which is not asked for paths of the API that there are not: a program is told so as it is told
    of everything else, also one that may not use the page."""

    async def check(scope: Scope, receive: Receive, send: Send) -> None:
        unknown = scope["path"].startswith(f"{base}/api/")
        await (problem(404, "The API has no such path") if unknown else app)(scope, receive, send)

    return check


def _problem(request: Request, error: Exception) -> JSONResponse:
    match error:
        case HTTPException():
            return problem(error.status_code, error.detail, error.headers)
        case Later():
            full = isinstance(error, Overloaded)
            why = "Too many are asking" if full else "You ask too often"
            again = f"{why}. Ask again in {error.retry_after} seconds"
            return problem(503 if full else 429, again, {"Retry-After": str(error.retry_after)})
        case _TooLarge():
            return problem(413, str(error))
        case RequestValidationError():
            return problem(422, "; ".join(map(_fault, error.errors())))
        case QuestionError() | ReceiptError() | NotStrictJson():
            return problem(422, str(error))
        case _:
            assert isinstance(error, QuothError)
            return problem(503, public_message(error), {"Retry-After": _MENDED})


def _broken(request: Request, error: Exception) -> JSONResponse:
    return problem(500, "Something went wrong here. The server's log says what.")


def _fault(fault: dict[str, Any]) -> str:
    return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"


def _caller(request: Request) -> str:
    return request.client.host if request.client else ""


def _listed(answerer: Answerer, words: str, limit: int, after: str) -> dict[str, Any]:
    corpus, wanted = answerer.corpus, words.casefold().split()
    ids = [id for id, title in corpus.titles() if all(word in title.casefold() for word in wanted)]
    if after and after not in ids:
        raise KeyError(after)
    start = ids.index(after) + 1 if after else 0
    shown = ids[start : start + limit]
    more = len(ids) > start + limit
    return {"documents": [_about(corpus.document(id)) for id in shown], "next": shown[-1] if more else None}


def _about(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": document.title,
        "source": document.source,
        "date": document.date,
        "language": document.language,
    }


def _status(answerer: Answerer) -> dict[str, Any]:
    corpus = answerer.corpus
    return {"edition": corpus.edition, "documents": len(corpus.titles()), "passages": len(corpus.passages)}
