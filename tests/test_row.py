"""The JSON shape of an answer, and the README that describes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_support import FakeAnswerer, article
from pydantic import TypeAdapter, ValidationError
from row_tables import markdown

import rag.row
from rag.row import DetailedRow, Row, detailed_row_of, row_of, row_without_answer
from rag.types import Answer


@pytest.fixture(params=["Who is North Korea’s largest economic partner?", "Who won?"], ids=["answered", "unanswered"])
def answer(request: pytest.FixtureRequest) -> Answer:
    return FakeAnswerer(article()).ask(request.param)


def test_a_row_has_exactly_the_keys_of_its_shape(answer: Answer) -> None:
    row = row_of(answer, id="q")
    assert row.keys() == Row.__annotations__.keys() - {"refused"}
    TypeAdapter(Row).validate_python(row, strict=True)
    with pytest.raises(ValidationError):
        TypeAdapter(Row).validate_python({**row, "more": 1})


def test_a_detailed_row_has_the_keys_of_a_row_in_the_same_order(answer: Answer) -> None:
    row, detailed = row_of(answer, id="q"), detailed_row_of(answer, id="q", why=True)
    assert list(detailed) == ["question", *row, "why"]
    assert detailed_row_of(answer, id="q").keys() == detailed.keys() - {"why"}
    TypeAdapter(DetailedRow).validate_python(detailed, strict=True)
    for key in ("citations", "closest"):
        assert all(short.items() <= long.items() for short, long in zip(row[key], detailed[key], strict=True))


def test_a_row_without_an_answer_has_the_same_keys(answer: Answer) -> None:
    row = row_without_answer(id="q", edition="e")
    assert list(row) == list(row_of(answer, id="q"))
    for whole in (row, {**row, "refused": "The question is empty."}):
        TypeAdapter(Row).validate_python(whole, strict=True)


def test_the_readme_describes_the_shapes_as_they_are() -> None:
    readme = (Path(rag.row.__file__).parent / "README.md").read_text("utf-8")
    table = readme.partition("<!-- row: begin -->")[2].partition("<!-- row: end -->")[0]
    assert table.strip() == markdown().strip(), "put in the output of: python tests/row_tables.py"
