"""The API's description as a page for people, made here: what others offer loads its scripts from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: str
    needed: bool
    description: str


@dataclass(frozen=True, slots=True)
class Shape:
    """An object that is sent or given."""

    name: str
    description: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    description: str
    parameters: tuple[Field, ...]
    body: str
    """The name of the shape that is sent; empty where none is."""
    answer: str
    statuses: tuple[tuple[str, str], ...]


def reference_html(described: dict[str, Any]) -> str:
    """The page for an OpenAPI document."""
    return _template().render(
        operations=list(_operations(described)), shapes=[*_shapes(described["components"]["schemas"])]
    )


@lru_cache
def _template() -> Template:
    source = (files("ui") / "assets" / "reference.html.jinja").read_text(encoding="utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )


def _operations(described: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            good = next(status for status in answers if status.startswith("2"))
            yield Operation(
                method.upper(),
                path,
                operation.get("description", ""),
                tuple(
                    Field(one["name"], _kind(one["schema"]), one.get("required", False), one.get("description", ""))
                    for one in operation.get("parameters", ())
                ),
                _sent(operation.get("requestBody")),
                _sent(answers[good]) or good,
                tuple((status, answer["description"]) for status, answer in answers.items() if status[0] in "45"),
            )


def _sent(content: dict[str, Any] | None) -> str:
    schema = (content or {}).get("content", {}).get("application/json", {}).get("schema", {})
    return _kind(schema) if schema else ""


def _shapes(schemas: dict[str, Any]) -> Iterator[Shape]:
    for name, schema in schemas.items():
        needed = schema.get("required", ())
        yield Shape(
            name,
            schema.get("description", ""),
            tuple(
                Field(key, _kind(value), key in needed, value.get("description", ""))
                for key, value in schema.get("properties", {}).items()
            ),
        )


def _kind(schema: dict[str, Any]) -> str:
    """What a value is, in a word or a few."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(repr(one) for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}" if "items" in schema else "list"
    return str(schema.get("type", "anything"))
