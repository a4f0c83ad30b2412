"""What went before a question: systems that know nothing better to do with it, and histories that have nothing to do
with the question."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from eval.questions.data import Question
from eval.questions.documents import Documents, sentences_at
from eval.run.asking import ask
from index.errors import QuestionSetError
from rag.types import Place, Turn

if TYPE_CHECKING:
    from rag.answer import Answerer
    from rag.row import Row

_SEED = 20240618
_CROSSED = 2
"""Of so many questions that follow others one is asked again, out of place."""


def history_rows(
    answerer: Answerer, questions: Sequence[Question], rows: Sequence[Row], documents: Documents
) -> dict[str, list[Row]]:
    """Name of the system -> a row for every question; none where no question has a history.

    One leaves the history out; one puts all earlier questions before the question. `rows` are the answerer's own, and
    stand for the questions without a history, which all systems ask alike.
    """
    late = [replace(question, history=()) for question in questions if question.history]
    if not late:
        return {}
    full = [replace(question, text=joined(question), history=()) for question in questions if question.history]
    systems = {}
    for name, asked in (("history ignored", late), ("history joined", full)):
        by_id = {row["id"]: row for row in (*rows, *ask(answerer, asked, documents))}
        systems[name] = [by_id[question.id] for question in questions]
    return systems


def joined(question: Question) -> str:
    """All earlier questions and the question."""
    return " ".join([*(turn.question for turn in question.history), question.text])


def with_unrelated_history(questions: Sequence[Question], documents: Documents) -> list[Question]:
    """The questions, each after one turn: another of them, about another document, and what is shown as its answer.

    Which one is drawn from a fixed seed and the question's id, among those with an answer. Raises QuestionSetError
    where a question's document is not known or no other document answers a question.
    """
    candidates = [one for one in questions if one.gold]
    drawn = []
    for question in questions:
        chooser = random.Random(f"{_SEED} {question.id}")
        others = [one for one in candidates if one.gold[0].document_id != question.document_id]
        if question.document_id is None or not others:
            raise QuestionSetError(
                f"there is no question about another document to put before the question {question.id}",
                "Give a set about several documents, and every question its doc_id and evidence",
            )
        other = chooser.choice(others)
        document = documents.by_row_id[other.gold[0].document_id]
        turn = Turn(other.text, shown=(Place(document.id, sentences_at(document, other.gold[0].span)),))
        drawn.append(replace(question, history=(turn,)))
    return drawn


def crossed(questions: Sequence[Question], chooser: random.Random) -> list[Question]:
    """Some of the questions that follow others, after the turns of another, about another document, in place of theirs.

    What they lean on was not said there. None where all are about one document.
    """
    later = [question for question in questions if question.history]
    found = []
    for question in later[::_CROSSED]:
        if others := [other for other in later if other.document_id != question.document_id]:
            history = chooser.choice(others).history
            found.append(replace(question, id=f"{question.id} crossed", history=history))
    return found
