"""Question sets to train on: a folder with corpus.jsonl and questions.jsonl, in the shape that evaluation reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import QuestionSetError
from index.sources import read_each
from index.types import Document, Span


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    document: Document
    """The one that it was asked about."""
    answers: tuple[Span, ...]
    """The answering words in the document; empty where it does not answer."""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    name: str
    documents: tuple[Document, ...]
    questions: tuple[Question, ...]


def read_question_set(folder: Path) -> QuestionSet:
    """The set in `folder`, without the questions that continue a conversation or whose answering words are not known.

    Raises SourceError for the documents, and QuestionSetError, naming file and line, for the questions.
    """
    documents: dict[str, Document] = {}
    by_name: dict[str, Document] = {}
    for _, name, document in read_each([folder / "corpus.jsonl"]):
        by_name[name or document.id] = documents.setdefault(document.id, document)
    file = folder / "questions.jsonl"
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionSetError(f"{file}: it cannot be read: {error}", "Name a folder with a question set") from error
    questions = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                question = _question(json.loads(line), by_name)
            except (KeyError, TypeError, ValueError) as error:
                raise QuestionSetError(
                    f"{file}:{number} is not a question: {type(error).__name__} {error}", "Correct the line"
                ) from error
            questions += [question] if question else []
    return QuestionSet(folder.name, tuple(documents.values()), tuple(questions))


def held_aside(sets: Sequence[QuestionSet], share: float, seed: int) -> frozenset[str]:
    """The ids of the documents to measure on: of each set this share, and at least one where it has several."""
    held: set[str] = set()
    for one in sets:
        ids = sorted((document.id for document in one.documents), key=lambda id: _digest(seed, id))
        if len(ids) > 1 and share > 0:
            held.update(ids[: max(1, round(share * len(ids)))])
    return frozenset(held)


def sampled(questions: Iterable[Question], most: int | None, seed: int) -> list[Question]:
    """At most so many of `questions`, the same for the same seed, in the order given."""
    kept = list(questions)
    if most is None or len(kept) <= most:
        return kept
    order = sorted(range(len(kept)), key=lambda n: _digest(seed, f"{n} {kept[n].text}"))
    return [kept[n] for n in sorted(order[:most])]


def _digest(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed} {text}".encode()).digest()


def _question(row: Any, documents: dict[str, Document]) -> Question | None:
    document = documents[row["doc_id"]]
    spans: set[Span] = set()
    for item in row["evidence"] if row["answerable"] else ():
        if item["kind"] == "answer" and item.get("doc_id", row["doc_id"]) == row["doc_id"]:
            span = Span(item["start"], item["end"])
            if not 0 <= span.start < span.end <= len(document.text):
                raise ValueError(f"the evidence [{span.start}, {span.end}) is not inside its document")
            spans.add(span.trimmed(document.text))
    if row.get("history") or (row["answerable"] and not spans):
        return None
    return Question(str(row["question"]).strip(), document, tuple(sorted(spans)))
