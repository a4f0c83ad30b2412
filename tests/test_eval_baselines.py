"""The baselines: sentences ranked, in rows of the same shape as an answer's."""

from __future__ import annotations

from typing import Any

import pytest
from eval_support import WordEncoder

from eval.questions.data import Question
from eval.questions.documents import Documents, name_documents
from eval.run.baselines import baseline_rows, sentences_of
from index.types import Document
from rag.types import Turn

TEXT = """The Harbour

Mara Doyle leads the office. The fleet has three ships.

A chapel stands on the hill. Nobody was hurt in the storm. The harbour froze in 1962.
"""
NAMES = ["random sentence", "BM25 sentence", "dense sentence", "hybrid sentence"]


@pytest.fixture
def documents() -> Documents:
    return name_documents([("harbour", Document.of(TEXT, title="The Harbour"))])


def rows_of(questions: list[Question], documents: Documents) -> dict[str, list[dict[str, Any]]]:
    return baseline_rows(documents, WordEncoder(), questions, "en")


def test_every_sentence_that_is_no_heading_is_ranked(documents: Documents) -> None:
    assert [sentence.text for sentence in sentences_of(documents)] == [
        "Mara Doyle leads the office.",
        "The fleet has three ships.",
        "A chapel stands on the hill.",
        "Nobody was hurt in the storm.",
        "The harbour froze in 1962.",
    ]


def test_rows_show_three_whole_sentences_and_the_best_is_the_one_that_shares_words(documents: Documents) -> None:
    questions = [Question("q", "Did the harbour freeze, and was the harbour froze in 1962?", True)]
    systems = rows_of(questions, documents)
    assert list(systems) == NAMES
    for name, (row,) in systems.items():
        assert row["id"] == "q"
        assert row["status"] == "answered"
        assert 0 <= row["confidence"] <= 1
        assert 1 <= len(row["citations"]) <= 3
        for excerpt in row["citations"]:
            assert excerpt["document_id"] == "harbour"
            assert TEXT[excerpt["start"] : excerpt["end"]] == excerpt["text"] == excerpt["text"].strip()
            assert excerpt["highlight"] == [excerpt["start"], excerpt["end"]]
        if name != "random sentence":
            assert row["citations"][0]["text"] == "The harbour froze in 1962."


def test_the_random_sentences_are_seeded_and_differ_between_questions(documents: Documents) -> None:
    questions = [Question(str(number), "?", True) for number in range(10)]
    shown = [[row["citations"] for row in rows_of(questions, documents)["random sentence"]] for _ in range(2)]
    assert shown[0] == shown[1]
    assert len({row[0]["start"] for row in shown[0]}) > 1


def test_words_that_no_sentence_has_find_nothing_by_words(documents: Documents) -> None:
    (row,) = rows_of([Question("q", "xylophone", False)], documents)["BM25 sentence"]
    assert (row["status"], row["confidence"], row["citations"], row["closest"]) == ("unanswered", 0, [], [])


def test_if_there_are_only_headings_there_are_no_baselines() -> None:
    documents = name_documents([("bare", Document.of("# The Harbour\n", title="The Harbour"))])
    assert rows_of([Question("q", "Where?", True)], documents) == {}


def test_the_history_changes_nothing(documents: Documents) -> None:
    alone = Question("q", "How many ships?", True)
    later = Question("q", "How many ships?", True, history=(Turn("Where is the chapel?", "On the hill."),))
    found = [[row[0]["citations"] for row in rows_of([one], documents).values()] for one in (alone, later)]
    assert found[0] == found[1]
