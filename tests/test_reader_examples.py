"""Examples to train on: spans replay verbatim, negatives hold nothing that answers, all follows from the seed."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corpus_support import HashEncoder
from reader_support import write_cache_of, write_set

from eval.training.cache import BASE, FILE, Kind, read_cache
from eval.training.examples import Example, Making, examples
from eval.training.hard_negatives import _PAIRS, contrary, swap
from eval.training.questions import held_aside, read_question_set
from index.errors import ModelError, QuestionSetError
from rag.readers.word_pieces import LONGEST, SHARED, Ragged, collate, load_tokenizer, passage_pieces


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("sets") / "toy")


def make(folder: Path, held: frozenset[str] = frozenset(), **making: float) -> list[Example]:
    chosen = replace(Making(swapped=1.0), **making)  # type: ignore[arg-type]
    return list(examples(read_question_set(folder), held, HashEncoder(), chosen, lambda done, total: None))


def test_answers_replay_in_the_passage_text(folder: Path) -> None:
    answers = {
        (question.text, question.document[span])
        for question in read_question_set(folder).questions
        for span in question.answers
    }
    found = {
        (one.question, one.text[span.start : span.end])
        for one in make(folder)
        if one.kind is Kind.ANSWERS
        for span in one.answers
    }
    assert found == answers
    for one in make(folder):
        for n in one.sentences:
            assert not one.passage.sentences[n].heading
        assert bool(one.sentences) == bool(one.answers)


def test_negatives_hold_nothing_that_answers(folder: Path) -> None:
    golds = {
        question.text: [question.document[span] for span in question.answers]
        for question in read_question_set(folder).questions
    }
    negatives = [one for one in make(folder) if one.kind is not Kind.ANSWERS]
    assert {one.kind for one in negatives} == {Kind.RETRIEVED, Kind.UNANSWERABLE, Kind.SWAPPED}
    for one in negatives:
        assert one.answers == ()
        if one.kind is Kind.RETRIEVED:
            assert not any(gold.casefold() in one.text.casefold() for gold in golds[one.question])


def test_a_swapped_question_is_none_that_was_asked_there(folder: Path) -> None:
    asked = {(question.text, question.document.id) for question in read_question_set(folder).questions}
    swapped = [one for one in make(folder) if one.kind is Kind.SWAPPED]
    assert len(swapped) == 15
    for one in swapped:
        assert (one.question, one.passage.document.id) not in asked
        assert one.answers == ()


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
        # neither half of a name that is there, nor a number of another shape
        ("Who met Ann Lee?", "He met Ann Lee.", "He met Ann Lee. Then she saw Bob Lee.", None),
        ("What did he do in 1888?", "In 1888 he wrote.", "In 1888 he wrote. Then 12 came.", None),
        ("What did he do?", "He wrote.", "He wrote. In 1901 he slept.", None),
    ],
)
def test_names_and_numbers_are_swapped_for_their_like(
    question: str, passage: str, document: str, swapped: str | None
) -> None:
    assert swap(question, passage, document, random.Random(0)) == swapped


@pytest.mark.parametrize(
    ("question", "passage", "made"),
    [
        ("Who came after the war?", "Ann came after it.", {"Who came before the war?", "Who came after the peace?"}),
        ("Largest of all?", "It is the largest.", {"Smallest of all?"}),
        # the passage speaks of both
        ("Is it the largest?", "Not the largest, nor the smallest.", set()),
        ("When did she come?", "She came in May.", {"When didn't she come?"}),
        ("When did she come?", "She came in May, and never in June.", set()),
        ("Say when Ann met Bob.", "Ann met Bob in May.", {"Say when Bob met Ann."}),
        ("Say when Ann and Bob met.", "Ann met Bob in May.", set()),
        ("Say when Ann met Bob.", "Ann was met in May.", set()),
        ("Why?", "Because.", set()),
    ],
)
def test_a_contrary_question_is_not_what_the_passage_answers(question: str, passage: str, made: set[str]) -> None:
    found = {contrary(question, passage, random.Random(seed)) for seed in range(40)}
    assert found == (made or {None})


def test_no_word_has_two_opposites() -> None:
    words = [word for pair in _PAIRS.split() for word in pair.split("/")]
    assert len(words) == len(set(words))


def test_documents_held_aside_are_measured_and_not_learned(folder: Path) -> None:
    sets = [read_question_set(folder)]
    held = held_aside(sets, 0.2, seed=0)
    assert len(held) == 1
    for one in make(folder, held):
        assert (one.kind is Kind.HELD) or one.passage.document.id not in held
    assert {one.question for one in make(folder, held) if one.kind is Kind.HELD} == {
        question.text for question in sets[0].questions if question.document.id in held
    }


def test_the_same_seed_gives_the_same_file(folder: Path, tmp_path: Path) -> None:
    one, other = (write_cache_of(folder, tmp_path / name) for name in ("one", "other"))
    assert (one / FILE).read_bytes() == (other / FILE).read_bytes()
    assert (one / BASE / "model.safetensors").stat().st_size < 50_000_000


def test_the_cache_holds_the_words_that_answer(folder: Path, tmp_path: Path) -> None:
    cache = read_cache(write_cache_of(folder, tmp_path / "cache"))
    tokenizer = load_tokenizer()
    golds = {
        (question.text.lower(), question.document[span].lower())
        for question in read_question_set(folder).questions
        for span in question.answers
    }
    rows = np.flatnonzero(cache.kinds == Kind.ANSWERS)
    assert len(rows) == 16
    batch = collate(cache.questions, cache.passages, cache.sentences, cache.pairs[rows], LONGEST)
    for n, row in enumerate(rows.tolist()):
        question, passage = cache.pairs[row].tolist()
        low, high = cache.spans[row, 0].tolist()
        words = tokenizer.decode(row_of(cache.passages, passage)[low : high + 1]).replace(" ", "")
        asked = tokenizer.decode(row_of(cache.questions, question)).replace(" ", "")
        assert any((asked, words) == (q.replace(" ", ""), a.replace(" ", "")) for q, a in golds)
        first = len(row_of(cache.questions, question)) + 2
        assert batch.ids[n, first + low] == row_of(cache.passages, passage)[low]
        assert (batch.types[n] % SHARED).tolist()[: first + 1] == [0] * first + [1]
        assert int(batch.mask[n].sum()) == int(cache.lengths()[row])


def row_of(ragged: Ragged, row: int) -> list[int]:
    ids: list[int] = ragged.flat[ragged.starts[row] : ragged.starts[row + 1]].tolist()
    return ids


def test_headings_are_not_to_be_read(folder: Path) -> None:
    passages = {one.row: one.passage for one in make(folder)}
    for one, passage in zip(passage_pieces(load_tokenizer(), list(passages.values())), passages.values(), strict=True):
        assert {int(n) for n in one.sentences if n} == {
            n for n, sentence in enumerate(passage.sentences, start=1) if not sentence.heading
        }


def test_a_malformed_set_and_a_missing_cache_are_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "toy")
    with (folder / "questions.jsonl").open("a") as stream:
        stream.write('{"id": "x", "question": "Who?", "doc_id": "nowhere", "answerable": false}\n')
    with pytest.raises(QuestionSetError, match=r"questions\.jsonl:26 .*nowhere"):
        read_question_set(folder)
    with pytest.raises(ModelError, match="no examples"):
        read_cache(tmp_path)
