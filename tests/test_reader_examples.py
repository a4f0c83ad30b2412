"""Training examples: their answers are verbatim, negatives do not answer, and everything follows from the seed."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from corpus_support import HashEncoder
from reader_support import write_examples_of, write_set

from eval.training.examples import BASE, FILE, Kind, read_examples
from eval.training.make_examples import Example, QuestionSet, answers_of, examples_of, held_out, swap
from index.errors import ModelError, QuestionSetError
from rag.readers.word_pieces import SHARED, load_tokenizer, passage_pieces


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("sets") / "toy")


def make(folder: Path, held: frozenset[str] = frozenset(), limit: int | None = None) -> list[Example]:
    questions = QuestionSet.read(folder)
    return list(examples_of(questions, held, HashEncoder(), held_limit=300, limit=limit, seed=0))


def gold(folder: Path) -> dict[str, list[str]]:
    """Question -> the answering words."""
    pairs = QuestionSet.read(folder).questions
    return {question.text: [document[span] for span in answers_of(question)] for question, document in pairs}


def test_answers_are_the_gold_words_inside_the_passage(folder: Path) -> None:
    answering = [example for example in make(folder) if example.kind is Kind.ANSWERS]
    found = {(e.question, e.passage.document[span]) for e in answering for span in e.answers}
    assert found == {(question, words) for question, answers in gold(folder).items() for words in answers}
    assert all(e.passage.span.covers(span) for e in answering for span in e.answers)


def test_negatives_hold_nothing_that_answers(folder: Path) -> None:
    answers = gold(folder)
    negatives = [example for example in make(folder) if example.kind is not Kind.ANSWERS]
    assert {example.kind for example in negatives} == {Kind.RETRIEVED, Kind.UNANSWERABLE, Kind.SWAPPED}
    for example in negatives:
        assert example.answers == ()
        if example.kind is Kind.RETRIEVED:
            assert not any(words.casefold() in example.passage.text.casefold() for words in answers[example.question])


def test_a_swapped_question_is_not_one_that_the_document_answers(folder: Path) -> None:
    asked = {(question.text, document.id) for question, document in QuestionSet.read(folder).questions}
    swapped = [example for example in make(folder) if example.kind is Kind.SWAPPED]
    assert len(swapped) >= 5
    for example in swapped:
        assert (example.question, example.passage.document.id) not in asked
        assert not example.answerable


@pytest.mark.parametrize(
    ("question", "passage", "document", "swapped"),
    [
        (
            "What did he do in 1888?",
            "In 1888 he wrote.",
            "In 1888 he wrote. In 1901 he slept.",
            "What did he do in 1901?",
        ),
        ("Who met Ann Lee?", "He met Ann Lee.", "He met Ann Lee. Then she saw Bob Ray.", "Who met Bob Ray?"),
        # the passage holds half of the name, the number has another shape, there is no other number
        ("Who met Ann Lee?", "He met Ann Lee.", "He met Ann Lee. Then she saw Bob Lee.", None),
        ("What did he do in 1888?", "In 1888 he wrote.", "In 1888 he wrote. Then 12 came.", None),
        ("What did he do?", "He wrote.", "He wrote. In 1901 he slept.", None),
    ],
)
def test_names_and_numbers_are_swapped_for_their_like(
    question: str, passage: str, document: str, swapped: str | None
) -> None:
    assert swap(question, passage, document, random.Random(0)) == swapped


def test_held_out_documents_are_evaluated_on_and_not_learned_from(folder: Path) -> None:
    questions = QuestionSet.read(folder)
    held = held_out([questions], 0.2, seed=0)
    assert len(held) == 1
    examples = make(folder, held)
    assert all(e.kind is Kind.HELD or e.passage.document.id not in held for e in examples)
    evaluated = {example.question for example in examples if example.kind is Kind.HELD}
    assert evaluated == {question.text for question, document in questions.questions if document.id in held}


def test_a_limit_keeps_some_questions_to_train_on_and_all_that_are_held_out(folder: Path) -> None:
    held = held_out([QuestionSet.read(folder)], 0.2, seed=0)
    questions = Counter(kind for _, kind in {(e.question, e.kind) for e in make(folder, held, limit=3)})
    assert questions[Kind.HELD] == 5
    assert questions[Kind.ANSWERS] + questions[Kind.UNANSWERABLE] == 3


def test_the_same_seed_gives_the_same_file(folder: Path, tmp_path: Path) -> None:
    one, other = (write_examples_of(folder, tmp_path / name) for name in ("one", "other"))
    assert (one / FILE).read_bytes() == (other / FILE).read_bytes()
    assert (one / BASE / "model.safetensors").stat().st_size < 50_000_000


def test_the_file_holds_the_words_that_answer(folder: Path, tmp_path: Path) -> None:
    examples = read_examples(write_examples_of(folder, tmp_path / "examples"))
    answers = {
        (question.lower().replace(" ", ""), words.lower().replace(" ", ""))
        for question, all_words in gold(folder).items()
        for words in all_words
    }
    rows = np.flatnonzero(examples.kinds == Kind.ANSWERS)
    assert len(rows) == 16
    batch = examples.batch(rows)
    for n, row in enumerate(rows.tolist()):
        question, passage = (
            pieces[number].tolist()
            for pieces, number in zip((examples.questions, examples.passages), examples.pairs[row], strict=True)
        )
        low, high = examples.spans[row, 0].tolist()
        words = (examples.tokenizer.decode(ids).replace(" ", "") for ids in (question, passage[low : high + 1]))
        assert tuple(words) in answers
        first = len(question) + 2
        assert batch.ids[n, first + low] == passage[low]
        assert (batch.types[n] % SHARED).tolist()[: first + 1] == [0] * first + [1]
        assert int(batch.mask[n].sum()) == int(examples.lengths()[row])


def test_headings_are_not_read(folder: Path) -> None:
    passages = {(e.passage.document.id, e.passage.span): e.passage for e in make(folder)}.values()
    for pieces, passage in zip(passage_pieces(load_tokenizer(), list(passages)), passages, strict=True):
        assert {int(number) for number in pieces.sentences if number} == {
            number for number, sentence in enumerate(passage.sentences, start=1) if not sentence.heading
        }


def test_an_unknown_document_and_missing_examples_are_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "toy")
    with (folder / "questions.jsonl").open("a") as stream:
        stream.write('{"id": "x", "question": "Who?", "doc_id": "nowhere", "answerable": false}\n')
    with pytest.raises(QuestionSetError, match=r"toy: the question x .*'nowhere'"):
        QuestionSet.read(folder)
    with pytest.raises(ModelError, match="no examples"):
        read_examples(tmp_path)
