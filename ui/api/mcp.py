"""The MCP endpoint: tools for programs, with the same access control and limits as the JSON API."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import Field
from starlette.applications import Starlette

from index.corpus import Corpus
from index.errors import QuothError
from rag.answer import LONGEST_QUESTION
from rag.receipt import Receipt
from rag.row import detailed_row_of, passage_of
from rag.types import Answer
from ui.access.person import Person, person_of
from ui.api.schema import MOST_RECEIPTS
from ui.http.rate_limit import Later
from ui.service import Service, public_message

TOOLS = "/mcp"
MOST_PASSAGES = 50

_INSTRUCTIONS = (
    "Answers are verbatim excerpts of documents, each with its place; no text is generated. Quote them as "
    "they are. If the status is unanswered, the documents do not answer, and the excerpts in closest are no answers."
)


def _row(id: str, answer: Answer, corpus: Corpus) -> dict[str, Any]:
    return {**detailed_row_of(answer, id=id, why=False)}


def build_tools(service: Service, base: str = "") -> Starlette:
    """Builds the endpoint as a separate application, at `base` + TOOLS. Imports the SDK, which takes a while."""
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.server.transport_security import TransportSecuritySettings
    from mcp.types import ToolAnnotations

    server = MCPServer("quoth", instructions=_INSTRUCTIONS, log_level="WARNING")
    read_only = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @contextmanager
    def sender(context: Context[Any, Any], scope: str) -> Iterator[Person]:
        """Context manager: yields the person who sent the request, and reports errors to their program."""
        request = context.request_context.request
        assert request is not None
        person = person_of(request.scope)
        if scope not in person.scopes:
            request.state.lacking = scope
            raise ToolError(f"This takes the scope {scope}, which you have not")
        try:
            yield person
        except QuothError as error:
            raise ToolError(public_message(error)) from error
        except Later as error:
            raise ToolError(f"The server is busy. Ask again in {error.retry_after} seconds") from error

    @server.tool(annotations=read_only)
    async def ask(
        question: Annotated[str, Field(max_length=LONGEST_QUESTION)],
        context: Context[Any, Any],
        risk: Annotated[float | None, Field(ge=0, le=1, description="The accepted share of wrong answers.")] = None,
    ) -> dict[str, Any]:
        """Answers a question in the documents' own words, or says that they do not answer it."""
        with sender(context, "ask") as person:
            return await service.ask(person, question, (), _row, risk=risk)

    @server.tool(annotations=read_only)
    async def search(
        query: Annotated[str, Field(max_length=LONGEST_QUESTION)],
        context: Context[Any, Any],
        k: Annotated[int, Field(ge=1, le=MOST_PASSAGES, description="The most passages to give.")] = 10,
    ) -> dict[str, Any]:
        """Finds the passages that are relevant to a query, best first, whether or not they answer it."""
        with sender(context, "ask") as person:
            hits = await service.search(person, query, k)
        return {"passages": [{**passage_of(hit), "text": hit.passage.text} for hit in hits]}

    @server.tool(annotations=read_only)
    async def document(id: Annotated[str, Field(max_length=64)], context: Context[Any, Any]) -> dict[str, Any]:
        """Gives a document with its whole text, which all offsets count in."""
        try:
            with sender(context, "read") as person:
                read = await service.read(person, id, lambda answerer: answerer.corpus.document(id))
        except KeyError as error:
            raise ToolError("There is no such document") from error
        return {"id": read.id, "title": read.title, "source": read.source, "date": read.date, "text": read.text}

    @server.tool(annotations=read_only)
    async def verify(
        receipts: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST_RECEIPTS)],
        context: Context[Any, Any],
    ) -> dict[str, Any]:
        """Says whether earlier citations still hold: valid, moved, changed or gone."""
        with sender(context, "read") as person:
            verdicts = await service.verify(person, list(map(Receipt.from_json, receipts)))
        return {"verdicts": [verdict.to_json() for verdict in verdicts]}

    return server.streamable_http_app(
        streamable_http_path=f"{base}{TOOLS}",
        json_response=True,
        stateless_http=True,
        # ui.http.trusted_host already checks hosts and origins, and ui.http.body_limit the size
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
