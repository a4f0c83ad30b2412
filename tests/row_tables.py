"""Prints the tables in rag/README.md that describe the JSON shape of an answer: python tests/row_tables.py."""

from __future__ import annotations

import json
import sys
from typing import Any

from pydantic import TypeAdapter
from typing_extensions import get_original_bases

from rag.row import (
    CitationJson,
    DetailedRow,
    ExcerptJson,
    FeatureJson,
    FormJson,
    PassageJson,
    PlaceJson,
    ReceiptJson,
    Row,
    SentenceJson,
    Shape,
    WhyJson,
)


def markdown() -> str:
    """Every shape as a table in Markdown. A shape that extends another one lists only its own keys."""
    tables: list[str] = []
    listed: set[type] = {Shape}
    for shape in _SHAPES:
        (base,) = get_original_bases(shape)
        inherited = base.__annotations__ if base in listed else ()
        listed |= {shape, base}
        schema = TypeAdapter(shape).json_schema()
        rows = [
            f"| `{key}` | {_kind(value)} | {value['description']} |"
            for key, value in schema["properties"].items()
            if key not in inherited
        ]
        title = f"**{shape.__name__.removesuffix('Json')}**: {' '.join(schema['description'].split())}"
        tables.append("\n".join([title, "", "| key | type | meaning |", "| --- | --- | --- |", *rows, ""]))
    return "\n".join(tables)


_SHAPES = (
    *(Row, DetailedRow, PlaceJson, ExcerptJson, CitationJson, ReceiptJson),
    *(WhyJson, FormJson, FeatureJson, PassageJson, SentenceJson),
)


def _kind(schema: dict[str, Any]) -> str:
    """The type of a value in a few words."""
    match schema:
        case {"$ref": reference}:
            return str(reference).rpartition("/")[2].removesuffix("Json")
        case {"anyOf": kinds}:
            return " or ".join(map(_kind, kinds))
        case {"const": value}:
            return json.dumps(value)
        case {"enum": values}:
            return " or ".join(map(json.dumps, values))
        case {"items": items}:
            return f"list of {_kind(items)}"
    return str(schema["type"])


if __name__ == "__main__":
    sys.stdout.write(markdown())
