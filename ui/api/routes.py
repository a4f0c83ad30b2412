"""The JSON API: routes for questions, documents, receipts, feedback, the widget's sessions, health and metrics."""

from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException

from index.corpus import Corpus
from index.errors import QuestionError, QuothError, ReceiptError
from index.strict_json import NotStrictJson, parse_json
from index.types import Document
from rag.answer import Answerer
from rag.receipt import Receipt
from rag.row import detailed_row_of
from rag.types import Answer, Turn
from ui.access.embed_token import SESSION_SECONDS, EmbedTokens
from ui.access.person import ALL_SCOPES, Person, person_of
from ui.api import schema
from ui.http.problem import problem
from ui.http.rate_limit import Later, Overloaded
from ui.service import Service, public_message

PREFIX = "/api/v1"
DESCRIPTION = (
    "Answers to questions in the documents' own words. Send an API key as `Authorization: Bearer …`, or sign in as for "
    "the page. Offsets are Unicode code points from 0, and ranges are half-open: the character at `start` belongs to "
    "the range, the one at `end` does not. After a 429 or 503, the header Retry-After gives the seconds to wait."
)

ERRORS = (QuothError, RequestValidationError, NotStrictJson, Later, HTTPException, Exception)
"""The errors that `problem_of` answers."""
_RETRY_AFTER_FAULT = "60"
"""Seconds until the next try if something is wrong with the server: a person has to repair it first."""


class _StrictRoute(APIRoute):
    """A route that accepts only bodies in strict JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            if body := await request.body():
                try:
                    parse_json(body.decode())
                except UnicodeDecodeError as error:
                    raise NotStrictJson("not UTF-8") from error
            return await handle(request)

        return strictly


# FastAPI would run a dependency that is not async in a thread
def _needing(scope: str) -> Callable[[Request], Awaitable[Person]]:
    assert scope in ALL_SCOPES

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

_PROBLEM = {"application/problem+json": {"schema": TypeAdapter(schema.ProblemBody).json_schema()}}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": HTTPStatus(status).phrase, "content": _PROBLEM}
    for status in (400, 401, 403, 404, 413, 422, 429, 500, 503)
}


def api(service: Service, embedding: EmbedTokens | None, built: Callable[[], bool]) -> APIRouter:
    """The routes under PREFIX. `built` says whether page and tools are built: until then, answers take longer."""
    router = APIRouter(prefix=PREFIX, route_class=_StrictRoute, responses=_PROBLEMS)

    @router.post("/ask", response_model=schema.AnswerBody)
    async def ask(body: schema.AskBody, person: _Asking) -> dict[str, Any]:
        """Answers a question in the documents' own words, or says that they do not answer it."""
        history = [Turn(turn.question, turn.answer, tuple(turn.documents)) for turn in body.history]

        def row(id: str, answer: Answer, corpus: Corpus) -> dict[str, Any]:
            return {**detailed_row_of(answer, id=id, why=body.why), "feedback": service.takes_feedback(person)}

        return await service.ask(person, body.question, history, row, risk=body.risk)

    @router.get("/documents", response_model=schema.DocumentsBody)
    async def documents(
        person: _Reading,
        q: Annotated[str, Query(max_length=200, description="Words of the title, in any order.")] = "",
        after: Annotated[str, Query(max_length=64, description="The next of the answer before.")] = "",
        limit: Annotated[int, Query(ge=1, le=schema.MOST_DOCUMENTS, description="The most documents to list.")] = 100,
    ) -> dict[str, Any]:
        """Lists the documents that you may read, in the order in which they were indexed."""
        try:
            return await service.read(person, "titles", lambda answerer: _listed(answerer.corpus, q, after, limit))
        except KeyError as error:
            raise HTTPException(404, "There is no such document to go on from") from error

    @router.get("/documents/{id}", response_model=schema.WholeDocumentBody)
    async def document(
        id: Annotated[str, Path(max_length=64, description="The document_id of a citation.")],
        person: _Reading,
    ) -> dict[str, Any]:
        """Gives a document with its text, which all offsets count in."""
        try:
            document = await service.read(person, id, lambda answerer: answerer.corpus.document(id))
        except KeyError as error:
            raise HTTPException(404, "There is no such document") from error
        return {**_about(document), "text": document.text}

    @router.post("/verify", response_model=schema.VerdictsBody)
    async def verify(body: schema.VerifyBody, person: _Reading) -> dict[str, Any]:
        """Says whether earlier citations still hold. Counts as a question does."""
        receipts = [Receipt.from_json(receipt) for receipt in body.receipts]
        verdicts = await service.verify(person, receipts)
        return {"verdicts": [verdict.to_json() for verdict in verdicts]}

    @router.post("/feedback", status_code=204)
    async def feedback(body: schema.FeedbackBody, person: _Judging) -> None:
        """Takes down whether an answer helped."""
        if not await service.feedback(person, body.id, body.verdict, body.comment):
            raise HTTPException(404, "There is no such answer of yours, or feedback is not kept here")

    @router.get("/status", response_model=schema.StatusBody)
    async def status(person: _Reading) -> dict[str, Any]:
        """Gives the edition and the size of the corpus, as far as you may read it."""

        def sizes(answerer: Answerer) -> dict[str, Any]:
            corpus = answerer.corpus
            return {"edition": corpus.edition, "documents": corpus.counts.documents, "passages": corpus.counts.passages}

        return await service.read(person, "status", sizes)

    @router.post("/session", response_model=schema.TokenBody)
    async def session(body: schema.SessionBody, request: Request) -> dict[str, Any]:
        """Exchanges an embed token, once, for the token of the widget's session."""
        token = await embedding.exchange(body.token, request.headers.get("origin")) if embedding else None
        if token is None:
            raise HTTPException(401, "This embed token is not good here: expired, used before, or another site's")
        return {"token": token, "expires_in": SESSION_SECONDS}

    # some monitors ask by HEAD
    @router.head("/live", status_code=204, include_in_schema=False)
    @router.get("/live", status_code=204)
    async def live() -> None:
        """Says that the process runs."""

    @router.head("/ready", status_code=204, include_in_schema=False)
    @router.get("/ready", status_code=204)
    async def ready() -> None:
        """Says that the server answers at full speed: the page is built too."""
        if not built():
            raise HTTPException(503, "The page is still being built", {"Retry-After": "1"})

    return router


def add_metrics(app: FastAPI, service: Service, base: str) -> None:
    """Adds the server's metrics, in the format of Prometheus, at /metrics."""

    @app.get(f"{base}/metrics", include_in_schema=False)
    async def metrics(person: _Watching) -> Response:
        body, kind = service.metrics.exposition()
        return Response(body, media_type=kind)


def problem_of(request: Request, error: Exception) -> JSONResponse:
    """The response to an error, as problem details (RFC 9457)."""
    match error:
        case HTTPException():
            return problem(error.status_code, error.detail, error.headers)
        case Later():
            full = isinstance(error, Overloaded)
            why = "Too many are asking" if full else "You ask too often"
            again = f"{why}. Ask again in {error.retry_after} seconds"
            return problem(503 if full else 429, again, {"Retry-After": str(error.retry_after)})
        case RequestValidationError():
            faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            return problem(422, "; ".join(faults))
        case QuestionError() | ReceiptError() | NotStrictJson():
            return problem(422, str(error))
        case QuothError():
            return problem(503, public_message(error), {"Retry-After": _RETRY_AFTER_FAULT})
    return problem(500, "Something went wrong here. The server's log says what.")


def _listed(corpus: Corpus, words: str, after: str, limit: int) -> dict[str, Any]:
    """The next `limit` documents whose title has all `words`. Raises KeyError if there is no document `after`."""
    if after:
        corpus.document(after)
    ids = [title.id for title in corpus.titles(words, after, limit + 1)]
    shown = ids[:limit]
    more = len(ids) > limit
    return {"documents": [_about(corpus.document(id)) for id in shown], "next": shown[-1] if more else None}


def _about(document: Document) -> dict[str, Any]:
    return {key: getattr(document, key) for key in schema.DocumentBody.__annotations__}
