"""Question sets: questions.jsonl read, checked against the documents, and frozen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from eval.questions.documents import Documents, sentences_at
from eval.questions.lines import read_values
from index.errors import QuestionSetError
from index.types import Document, Span
from rag.types import Turn

T = TypeVar("T")
Half = Literal["tune", "report"]
HALVES: tuple[Half, Half] = ("tune", "report")
ARTICLE_QUESTIONS = Path(__file__).with_name("article.jsonl")
"""The question set about the article of the seeds."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A place that answers a question."""

    document_id: str
    """As rows give it."""
    span: Span
    exact: bool = True
    """Whether the span is the answering words; otherwise they stand somewhere inside it."""


@dataclass(frozen=True, slots=True)
class Question:
    """One row of a question set."""

    id: str
    text: str
    answerable: bool
    gold: tuple[Gold, ...] = ()
    """Empty where unanswerable, or where it is not known which words answer."""
    answers: tuple[str, ...] = ()
    """The answering words, each verbatim in its document."""
    history: tuple[Turn, ...] = ()
    category: str | None = None
    document_id: str | None = None
    """The document that it is about, as rows give it; None where that is not known."""


def read_questions(path: Path, documents: Documents, half: Half | None = None) -> tuple[Question, ...]:
    """The questions of a questions.jsonl, of one half of it if asked.

    A line is an object: `id`, `question` and `answerable`, and where it is answerable `evidence`, a list of
    {start, end, kind[, doc_id]}, half-open offsets in code points; at will `answers`, `doc_id`, `history` (a list of
    {question, answer[, start, end][, doc_id]}, an answer of null being an empty one), `category`, `half` and any other
    key. An id that is a number is taken as text. A turn of the history that has a `doc_id` of its own, or a place in
    that of the question, was answered from that document; one with an answer and a place was answered by the whole
    sentences there, as people are shown them.

    Gold is the evidence of kind "answer" or, where there is none, of the looser kinds. The evidence of an unanswerable
    question, which some sets give for what only looks like an answer, is not looked at.

    A half is that of the rows whose `half` says so. Where no row has one, a set is halved by document, so that no
    document's questions are in both: the half follows from the SHA-256 of the document's id, as rows give it; of an
    unanswerable question too, by its `doc_id`. The document of a question with evidence in several is its `doc_id`
    or, without one, that of the first.

    Raises QuestionSetError, naming the file, the line and the value: for malformed JSON, a missing key, a wrong type,
    an id met twice, a document that is not there, a span outside its text or with nothing but blanks in it, evidence
    of kind "answer" that is none of the answers, a half asked where some rows have one and this has none, or where it
    has neither and names no document, or where no question is left.
    """
    questions: dict[str, Question] = {}
    rows = [_Row.of(value, place) for place, value in read_values(path)]
    halved = any("half" in row.values for row in rows)
    for row in rows:
        if half is not None and half != (row.choice("half", HALVES) if halved else _half_by_document(row, documents)):
            continue
        question = _question(row, documents)
        if question.id in questions:
            raise row.error(f"the id {question.id!r} was met before", "Give every question an id of its own")
        questions[question.id] = question
    if not questions:
        raise QuestionSetError(
            f"there are no questions in {path}" + (f" of the half {half!r}" if half else ""),
            'Write one a line, as {"id", "question", "answerable", "evidence"}',
        )
    return tuple(questions.values())


def _question(row: _Row, documents: Documents) -> Question:
    answerable = row.get("answerable", bool)
    answers = tuple(row.strings("answers"))
    evidence = row.objects("evidence") if answerable else []
    exact = [item for item in evidence if item.get("kind", str) == "answer"]
    return Question(
        id=row.identifier("id"),
        text=row.get("question", str),
        answerable=answerable,
        gold=tuple(_gold(item, row, documents, answers) for item in exact or evidence),
        answers=answers,
        history=tuple(_turn(item, row, documents) for item in (row.objects("history") if row.has("history") else [])),
        category=row.optional("category", str),
        document_id=_document_id(row, documents),
    )


def _turn(item: _Row, row: _Row, documents: Documents) -> Turn:
    question, answer = item.text("question"), item.get("answer", str, null="")
    document = _answered_from(item, row, documents)
    if document is None:
        return Turn(question, answer)
    if answer.strip() and item.has("start") and item.has("end"):
        answer = document[sentences_at(document, _span(item, "answer", document, item))]
    return Turn(question, answer, (document.id,))


def _answered_from(turn: _Row, row: _Row, documents: Documents) -> Document | None:
    """The document that a turn of the history was answered from, if that is known."""
    named = turn if turn.has("doc_id") else row
    if not named.has("doc_id") or not (named is turn or turn.has("start")):
        return None
    try:
        return documents.find(named.identifier("doc_id"))
    except LookupError as error:
        raise turn.error(f"it {error}", "Give the doc_id of a document that is read") from error


def _document_id(row: _Row, documents: Documents) -> str | None:
    """The document that a row names, as rows give it; a name that no document bears is as good; None for no name."""
    evidence = row.objects("evidence") if row.get("answerable", bool) else []
    named = next((one for one in (row, *evidence) if one.has("doc_id")), None)
    name = None if named is None else named.identifier("doc_id")
    try:
        return documents.row_id(documents.find(name))
    except LookupError:
        return name


def _half_by_document(row: _Row, documents: Documents) -> Half:
    document_id = _document_id(row, documents)
    if document_id is None:
        raise row.error("it has no half, and names no document to take it by", "Give it a doc_id, or every row a half")
    return HALVES[hashlib.sha256(document_id.encode("utf-8", "surrogatepass")).digest()[0] % 2]


def _gold(item: _Row, row: _Row, documents: Documents, answers: tuple[str, ...]) -> Gold:
    named = next((one for one in (item, row) if one.has("doc_id")), None)
    try:
        document = documents.find(None if named is None else named.identifier("doc_id"))
    except LookupError as error:
        raise row.error(f"it {error}", "Give the doc_id of a document that is read") from error
    span = _span(item, "evidence", document, row)
    exact = item.get("kind", str) == "answer"
    words = document[span]
    if exact and answers and words not in answers:
        raise row.error(
            f"the evidence [{span.start}, {span.end}) is {_shortened(words)}, which is none of the answers",
            "Correct the offsets, or add the words to the answers",
        )
    return Gold(documents.row_id(document), span.trimmed(document.text), exact)


def _span(item: _Row, what: str, document: Document, row: _Row) -> Span:
    """The place that an object names in a document."""
    start, end = item.get("start", int), item.get("end", int)
    if not 0 <= start < end <= len(document.text):
        raise row.error(
            f"the {what} [{start}, {end}) is not a range of its document's {len(document.text)} characters",
            "Give half-open offsets in code points, with 0 <= start < end",
        )
    if not document.text[start:end].strip():
        raise row.error(f"the {what} [{start}, {end}) is nothing but blanks", "Correct the offsets")
    return Span(start, end)


@dataclass(frozen=True, slots=True)
class _Row:
    """A JSON object of a question set, and where it stands."""

    values: Mapping[str, Any]
    place: str

    @classmethod
    def of(cls, values: object, place: str) -> _Row:
        if not isinstance(values, dict):
            raise QuestionSetError(f"{place} is {_shortened(values)}, not an object", "Write one as {…}")
        return cls(values, place)

    def error(self, problem: str, remedy: str) -> QuestionSetError:
        name = self.values.get("id")
        return QuestionSetError(
            f"{self.place}{f' (question {name})' if isinstance(name, str | int | float) else ''}: {problem}", remedy
        )

    def has(self, key: str) -> bool:
        """Whether the key is there, with a value that is not null."""
        return self.values.get(key) is not None

    def get(self, key: str, kind: type[T], *, null: T | None = None) -> T:
        """The value, or `null` where that is given and the value is null."""
        if key not in self.values:
            raise self.error(f"the key {key!r} is missing", f"Add it; its value is {_KINDS[kind]}")
        value = self.values[key]
        if value is None and null is not None:
            return null
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(f"{key} is {_shortened(value)}, not {_KINDS[kind]}", "Correct the value")
        return value

    def optional(self, key: str, kind: type[T]) -> T | None:
        return self.get(key, kind) if self.has(key) else None

    def text(self, key: str) -> str:
        value = self.get(key, str)
        if not value.strip():
            raise self.error(f"{key} is blank", "Write what it is")
        return value

    def identifier(self, key: str) -> str:
        value = self.values.get(key)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if number else self.text(key)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.get(key, str)
        if value not in choices:
            raise self.error(f"{key} is {_shortened(value)}, not one of {', '.join(choices)}", "Correct the value")
        return value

    def strings(self, key: str) -> list[str]:
        values = self.optional(key, list) or []
        for value in values:
            if not isinstance(value, str):
                raise self.error(f"{key} holds {_shortened(value)}, not text", "Correct the value")
        return values

    def objects(self, key: str) -> list[_Row]:
        values = self.get(key, list)
        return [_Row.of(value, f"{self.place}, {key} {number}") for number, value in enumerate(values, start=1)]


_KINDS: Mapping[type, str] = {str: "text", bool: "true or false", int: "a whole number", list: "a list"}


def _shortened(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:79] + "…"
