"""Question sets: questions.jsonl read, checked against the documents, and frozen."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from eval.questions.documents import Documents, sentences_at
from eval.questions.lines import read_values
from index.errors import QuestionSetError
from index.types import Document, Span
from rag.types import Place, Turn

Half = Literal["tune", "report"]
HALVES: tuple[Half, Half] = ("tune", "report")
ARTICLE_QUESTIONS = Path(__file__).with_name("article.jsonl")
"""The question set about the article of the seeds."""


@dataclass(frozen=True, slots=True)
class Gold:
    """A place that answers a question."""

    document_id: str
    """The document's id in rows."""
    span: Span
    exact: bool = True
    """Whether the span is the answering words. Otherwise they are somewhere inside it."""


@dataclass(frozen=True, slots=True)
class Question:
    """One row of a question set."""

    id: str
    text: str
    answerable: bool
    gold: tuple[Gold, ...] = ()
    """Empty if the question is unanswerable, or if it is not known which words answer."""
    answers: tuple[str, ...] = ()
    """The answering words, each verbatim in its document."""
    history: tuple[Turn, ...] = ()
    category: str | None = None
    document_id: str | None = None
    """The document that the question is about, as rows give it; None if that is not known."""


def read_questions(path: Path, documents: Documents, half: Half | None = None) -> tuple[Question, ...]:
    """The questions of a questions.jsonl, or of one half of it.

    Each line is an object with `id`, `question`, `answerable` and, if it is answerable, `evidence`: a list of
    {start, end, kind[, doc_id]}, half-open offsets in code points. Optional keys are `answers`, `doc_id`, `category`,
    `half` and `history`, a list of {question, answer[, start, end][, doc_id]}; other keys are ignored. A number is a
    valid id, and an answer of null is empty. A turn of the history was answered from the document in its `doc_id`
    or, if it has a place without one, in that of the question. The answer of a turn with a place is the whole sentences
    at that place, as people see them.

    Gold is the evidence of kind "answer" or, if there is none, of the looser kinds. The evidence of an unanswerable
    question is ignored: some sets give it for text that only looks like an answer.

    A half consists of the rows whose `half` names it. If no row has a `half`, the set is halved by document, so that no
    document's questions are in both: the half follows from the SHA-256 of the document's id in rows. The
    document of a question is its `doc_id` or, without one, that of its first evidence.

    Raises SourceError if the file cannot be read. Raises QuestionSetError, naming the file, the line and the value: for
    malformed JSON, a missing key, a wrong type, a repeated id, an unknown document, a span outside its text or only of
    blanks, evidence of kind "answer" that is none of the answers, a row that belongs to neither half if a half is asked
    for, or if no question is left.
    """
    questions: dict[str, Question] = {}
    lines = list(read_values(path))
    halved = any(isinstance(value, dict) and "half" in value for _, value in lines)
    for place, value in lines:
        try:
            row = _row(value)
            if half is not None and half != _half(row, documents, halved):
                continue
            if row.id in questions:
                raise QuestionSetError(f"the id {row.id!r} was met before", "Give every question an id of its own")
            questions[row.id] = _question(row, documents)
        except QuestionSetError as error:
            id = value.get("id") if isinstance(value, dict) else None
            where = f"{place} (question {id})" if isinstance(id, str | int | float) else place
            raise QuestionSetError(f"{where}: {error.problem}", error.remedy) from error
    if not questions:
        raise QuestionSetError(
            f"there are no questions in {path}" + (f" of the half {half!r}" if half else ""),
            'Write one a line, as {"id", "question", "answerable", "evidence"}',
        )
    return tuple(questions.values())


_Text = Annotated[str, Field(pattern=r"\S")]
# in strict mode no number is a text
_Id = Annotated[_Text, Field(strict=False, coerce_numbers_to_str=True)]


class _Evidence(BaseModel, strict=True):
    start: int
    end: int
    kind: str
    doc_id: _Id | None = None


class _Turn(BaseModel, strict=True):
    question: _Text
    answer: str | None
    start: int | None = None
    end: int | None = None
    doc_id: _Id | None = None


class _Row(BaseModel, strict=True):
    """A line of a question set."""

    id: _Id
    question: str
    answerable: bool
    evidence: list[_Evidence]
    answers: list[str] | None = None
    doc_id: _Id | None = None
    history: list[_Turn] | None = None
    category: str | None = None
    half: Any = None

    @model_validator(mode="before")
    @classmethod
    def _ignore_evidence_of_unanswerable(cls, values: Any) -> Any:
        ignored = isinstance(values, dict) and values.get("answerable") is False
        return {**values, "evidence": []} if ignored else values

    @property
    def document_name(self) -> str | None:
        """The name of the document that the row is about, if it names one."""
        return next(filter(None, (self.doc_id, *(evidence.doc_id for evidence in self.evidence))), None)


def _row(value: Any) -> _Row:
    try:
        return _Row.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"])) or "the line"
        problem = "is missing" if first["type"] == "missing" else f"is {first['input']!r:.80}: {first['msg']}"
        raise QuestionSetError(f"{key} {problem}", "Correct the line") from error


def _question(row: _Row, documents: Documents) -> Question:
    exact = [evidence for evidence in row.evidence if evidence.kind == "answer"]
    return Question(
        row.id,
        row.question,
        row.answerable,
        gold=tuple(_gold(evidence, row, documents) for evidence in exact or row.evidence),
        answers=tuple(row.answers or ()),
        history=tuple(_turn(turn, row, documents) for turn in row.history or ()),
        category=row.category,
        document_id=_document_id(row, documents),
    )


def _turn(turn: _Turn, row: _Row, documents: Documents) -> Turn:
    answer = turn.answer or ""
    name = turn.doc_id or (row.doc_id if turn.start is not None else None)
    if name is None:
        return Turn(turn.question, answer)
    document = documents.find(name)
    if answer.strip() and turn.start is not None and turn.end is not None:
        span = sentences_at(document, _span(turn.start, turn.end, document, "answer of a turn"))
        return Turn(turn.question, shown=(Place(document.id, span),))
    return Turn(turn.question, answer, (document.id,))


def _gold(evidence: _Evidence, row: _Row, documents: Documents) -> Gold:
    document = documents.find(evidence.doc_id or row.doc_id)
    span = _span(evidence.start, evidence.end, document, "evidence")
    exact = evidence.kind == "answer"
    if exact and row.answers and document[span] not in row.answers:
        raise QuestionSetError(
            f"the evidence [{span.start}, {span.end}) is {document[span]!r:.80}, which is none of the answers",
            "Correct the offsets, or add the words to the answers",
        )
    return Gold(documents.row_id(document.id), span.trimmed(document.text), exact)


def _document_id(row: _Row, documents: Documents) -> str | None:
    """The document that a row is about, as rows give it. A name that no document has is returned unchanged."""
    try:
        return documents.row_id(documents.find(row.document_name).id)
    except QuestionSetError:
        return row.document_name


def _half(row: _Row, documents: Documents, halved: bool) -> str:
    if halved:
        if row.half not in HALVES:
            raise QuestionSetError(f"half is {row.half!r:.80}, expected tune or report", "Give every row a half")
        return str(row.half)
    document_id = _document_id(row, documents)
    if document_id is None:
        raise QuestionSetError("it has no half, and names no document", "Give it a doc_id, or every row a half")
    return HALVES[hashlib.sha256(document_id.encode("utf-8", "surrogatepass")).digest()[0] % 2]


def _span(start: int, end: int, document: Document, kind: str) -> Span:
    if not 0 <= start < end <= len(document.text):
        raise QuestionSetError(
            f"the {kind} [{start}, {end}) is not a range of its document's {len(document.text)} characters",
            "Give half-open offsets in code points, with 0 <= start < end",
        )
    if not document.text[start:end].strip():
        raise QuestionSetError(f"the {kind} [{start}, {end}) is nothing but blanks", "Correct the offsets")
    return Span(start, end)
