"""Histories in evaluation: systems that ignore or join the history, and histories that are unrelated to the question."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eval.questions.data import Question
from eval.questions.documents import Documents, sentences_at
from eval.run.asking import ask
from index.errors import QuestionSetError
from rag.types import Turn

if TYPE_CHECKING:
    from rag.answer import Answerer

_SEED = 20240618
_CROSSED = 2
"""Every so many follow-up questions, one is asked again with another history."""


def history_rows(
    answerer: Answerer, questions: Sequence[Question], rows: Sequence[dict[str, Any]], documents: Documents
) -> dict[str, list[dict[str, Any]]]:
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


def with_unrelated_history(questions: Sequence[Question], documents: Documents) -> list[Question]:
    """Each question after one turn: another question, about another document, and the excerpt that answers it.

    The other question has gold, and is drawn by a fixed seed and the question's id. Raises QuestionSetError if the
    document of a question is not known or if no other document answers a question.
    """
    candidates = [question for question in questions if question.gold]
    late = []
    for question in questions:
        chooser = random.Random(f"{_SEED} {question.id}")
        others = [other for other in candidates if other.gold[0].document_id != question.document_id]
        if question.document_id is None or not others:
            raise QuestionSetError(
                f"there is no question about another document to put before the question {question.id}",
                "Give a set about several documents, and every question its doc_id and evidence",
            )
        other = chooser.choice(others)
        document = documents.by_row_id[other.gold[0].document_id]
        turn = Turn(other.text, document[sentences_at(document, other.gold[0].span)], (document.id,))
        late.append(replace(question, history=(turn,)))
    return late


def crossed(questions: Sequence[Question], chooser: random.Random) -> list[Question]:
    """Half of the follow-up questions, each with the history of a question about another document instead of its own.

    The words that the question refers to were not said there. Empty if all are about one document.
    """
    late = [question for question in questions if question.history]
    out_of_place = []
    for question in late[::_CROSSED]:
        if others := [other for other in late if other.document_id != question.document_id]:
            history = chooser.choice(others).history
            out_of_place.append(replace(question, id=f"{question.id} crossed", history=history))
    return out_of_place
