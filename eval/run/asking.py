"""Asks questions of a temporary corpus made from documents: with their history, without it, or joined to it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from eval.measures.types import Row
from eval.questions.data import Question
from eval.questions.documents import Documents
from eval.run.progress import progress
from index.errors import QuestionError
from rag.settings import Settings

if TYPE_CHECKING:
    from index.corpus import Corpus
    from index.encoders.encoder import Encoder
    from rag.answer import Answerer


@contextmanager
def opened(documents: Documents, encoder: Encoder, settings: Settings) -> Iterator[Corpus]:
    """A corpus of these documents, gone afterwards. Of `settings`, only those of indexing count, not the folder."""
    from index.corpus import open_corpus
    from index.publish import publish

    with tempfile.TemporaryDirectory(prefix="quoth-eval-") as name:
        folder = Path(name)
        publish(
            folder,
            documents.all,
            encoder,
            language=settings.language,
            passage_tokens=settings.passage_tokens,
            progress=progress("Indexing"),
        )
        with closing(open_corpus(folder, encoder)) as corpus:
            yield corpus


def ask(answerer: Answerer, questions: Sequence[Question], documents: Documents) -> list[Row]:
    """The row of every question, in order. A question that cannot be asked is unanswered, and its row says why."""
    from rag.row import row_of

    report = progress("Asking")
    rows: list[Row] = []
    for number, question in enumerate(questions, start=1):
        try:
            answer = answerer.ask(question.text, question.history)
            rows.append(row_of(answer, id=question.id, document_id=documents.row_id))
        except QuestionError as error:
            rows.append(refused_row(error, question.id, answerer.corpus.edition))
        report(number, len(questions))
    return rows


def refused_row(error: QuestionError, id: str, edition: str) -> Row:
    """The row of a question that cannot be asked."""
    from rag.row import VERSION

    return {
        "version": VERSION,
        "id": id,
        "status": "unanswered",
        "confidence": 0.0,
        "citations": [],
        "closest": [],
        "retrieved": [],
        "searched_for": [],
        "searched_in": [],
        "ms": {},
        "edition": edition,
        "refused": str(error),
    }


def history_rows(
    answerer: Answerer, questions: Sequence[Question], rows: Sequence[Row], documents: Documents
) -> dict[str, list[Row]]:
    """Name of the system -> a row for every question; {} if no question has a history.

    One system ignores the history; one puts all earlier questions before the question. `rows` are the answerer's own:
    they serve for the questions without a history, which all systems ask alike.
    """
    late = [question for question in questions if question.history]
    if not late:
        return {}
    systems = {
        "history ignored": [replace(question, history=()) for question in late],
        "history joined": [replace(question, text=joined(question), history=()) for question in late],
    }
    by_system = {}
    for name, asked in systems.items():
        by_id = {row["id"]: row for row in (*rows, *ask(answerer, asked, documents))}
        by_system[name] = [by_id[question.id] for question in questions]
    return by_system


def joined(question: Question) -> str:
    """All earlier questions and the question."""
    return " ".join([*(turn.question for turn in question.history), question.text])
