"""The baselines: sentences ranked, in rows of the same shape as an answer's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eval_support import WordEncoder

from eval.questions.data import Question
from eval.questions.documents import Documents, name_documents
from eval.run.asking import opened
from eval.run.baselines import baseline_rows, sentences_of
from index.corpus import Corpus, open_corpus
from index.publish import publish
from index.types import Document
from rag.settings import Settings
from rag.types import Turn

TEXT = """The Harbour

Mara Doyle leads the office. The fleet has three ships.

A chapel stands on the hill. Nobody was hurt in the storm. The harbour froze in 1962.
"""
NAMES = ["random sentence", "BM25 sentence", "dense sentence", "hybrid sentence"]


@pytest.fixture
def documents() -> Documents:
    return name_documents([("harbour", Document.of(TEXT, title="The Harbour"))])


@pytest.fixture
def corpus(tmp_path: Path, documents: Documents) -> Iterator[Corpus]:
    publish(tmp_path, documents.all, WordEncoder())
    corpus = open_corpus(tmp_path, WordEncoder())
    yield corpus
    corpus.close()


def test_every_sentence_that_is_no_heading_is_ranked(corpus: Corpus) -> None:
    assert [sentence.text.strip() for sentence in sentences_of(corpus)] == [
        "Mara Doyle leads the office.",
        "The fleet has three ships.",
        "A chapel stands on the hill.",
        "Nobody was hurt in the storm.",
        "The harbour froze in 1962.",
    ]


def test_rows_show_three_whole_sentences_and_the_best_is_the_one_that_shares_words(
    corpus: Corpus, documents: Documents
) -> None:
    questions = [Question("q", "Did the harbour freeze, and was the harbour froze in 1962?", True)]
    systems = baseline_rows(corpus, WordEncoder(), questions, documents)
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


def test_the_random_sentences_are_seeded_and_differ_between_questions(corpus: Corpus, documents: Documents) -> None:
    questions = [Question(str(number), "?", True) for number in range(10)]
    shown = [
        [row["citations"] for row in baseline_rows(corpus, WordEncoder(), questions, documents)["random sentence"]]
        for _ in range(2)
    ]
    assert shown[0] == shown[1]
    assert len({row[0]["start"] for row in shown[0]}) > 1


def test_words_that_no_sentence_has_find_nothing_by_words(corpus: Corpus, documents: Documents) -> None:
    (row,) = baseline_rows(corpus, WordEncoder(), [Question("q", "xylophone", False)], documents)["BM25 sentence"]
    assert (row["status"], row["confidence"], row["citations"], row["closest"]) == ("unanswered", 0, [], [])


def test_where_there_are_only_headings_there_are_no_baselines(tmp_path: Path) -> None:
    documents = name_documents([("bare", Document.of("# The Harbour\n", title="The Harbour"))])
    with opened(documents, WordEncoder(), Settings()) as corpus:
        assert corpus.counts.passages == 1
        assert baseline_rows(corpus, WordEncoder(), [Question("q", "Where?", True)], documents) == {}


def test_the_history_changes_nothing(corpus: Corpus, documents: Documents) -> None:
    alone = Question("q", "How many ships?", True)
    later = Question("q", "How many ships?", True, history=(Turn("Where is the chapel?", "On the hill."),))
    found = [
        [row[0]["citations"] for row in baseline_rows(corpus, WordEncoder(), [one], documents).values()]
        for one in (alone, later)
    ]
    assert found[0] == found[1]
