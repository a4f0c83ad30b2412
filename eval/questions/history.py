"""Histories for evaluation that are unrelated to the question, or belong to another one."""

import random
from collections.abc import Sequence
from dataclasses import replace

from eval.questions.data import Question
from eval.questions.documents import Documents, sentences_at
from index.errors import QuestionSetError
from rag.types import Place, Turn

_SEED = 20240618
_CROSSED = 2
"""One in this many follow-up questions is asked again with another history."""


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
        turn = Turn(other.text, shown=(Place(document.id, sentences_at(document, other.gold[0].span)),))
        late.append(replace(question, history=(turn,)))
    return late


def crossed(questions: Sequence[Question], chooser: random.Random) -> list[Question]:
    """Half of the follow-up questions, each with the history of a question about another document.

    The wrong history lacks the words that the question refers to. Empty if all are about one document.
    """
    late = [question for question in questions if question.history]
    out_of_place = []
    for question in late[::_CROSSED]:
        if others := [other for other in late if other.document_id != question.document_id]:
            history = chooser.choice(others).history
            out_of_place.append(replace(question, id=f"{question.id} crossed", history=history))
    return out_of_place
