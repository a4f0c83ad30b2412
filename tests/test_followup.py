"""Questions in conversation: the forms that they can mean, how they are read, and which is chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.text.sentences import split_sentences
from index.types import Document, Hit, Passage
from rag.forms import Form, best_first, forms, leaning, mixed
from rag.readers.load import Reading
from rag.types import Attempt, Turn

FIRST = Turn("What did Putin give Kim Jong Un?", "A dagger.")
SECOND = Turn("How many tea sets were there?", "Two of them.")
REFUSED = Turn("Who is the mayor of Lisbon?", "")
ALONE = "Which company built the first railway bridge across the river Dee in 1888?"

turns = st.builds(
    Turn, st.text(max_size=60), st.text(max_size=80), st.lists(st.sampled_from(["a", "b"]), unique=True).map(tuple)
)
histories = st.lists(turns, max_size=4)


@given(st.text(max_size=80), histories, st.sampled_from(["en", "fi"]))
def test_the_question_itself_is_the_first_form_and_none_comes_twice(
    question: str, history: list[Turn], language: str
) -> None:
    found = forms(question, history, language)
    assert found[0] == Form(question)
    assert len({form.text for form in found}) == len(found) <= 4
    assert [form.otherwise for form in found] == sorted(form.otherwise for form in found)
    assert all(not form.documents for form in found if form.otherwise)
    assert {form.shown for form in found} <= {turn.answer for turn in history} | {""}
    assert all(math.isfinite(form.prior) for form in found)
    assert all(form.text.endswith(" ".join(question.split())) for form in found[1:])
    assert forms(question, (), language) == (Form(question),)


def at_once(question: str, history: Sequence[Turn], language: str = "en") -> list[Form]:
    """The forms that do not wait for the others not to be answered."""
    return [form for form in forms(question, history, language) if not form.otherwise]


@given(histories)
def test_a_question_that_stands_alone_has_no_other_form(history: list[Turn]) -> None:
    assert forms(ALONE, history) == (Form(ALONE),)


@pytest.mark.parametrize(
    "question", ["Why?", "And in 2019?", "What about Kim?", "When did he go there?", "Who else?", "Was it legal?"]
)
def test_a_question_that_leans_on_the_last_one_is_likelier_meant_after_it(question: str) -> None:
    _, carried = at_once(question, [FIRST])
    assert carried.text == f"What did Putin give Kim Jong Un? A dagger. {question}"
    assert carried.prior > 0


@pytest.mark.parametrize(
    ("leaning_one", "other"),
    [
        ("When did he publish the laws of motion?", "When did Newton publish the laws of motion?"),
        ("When did he publish his laws of motion?", "When did Newton publish his laws of motion?"),
        ("And in 2019?", "What happened in the harbour of Lisbon in 2019?"),
        ("Who said that?", "Who said in the House of Lords that the harbour of Lisbon was frozen?"),
        # a name that was said is of the same matter, and one that was not is of another
        ("Who was Kim?", "Who was Napoleon?"),
        ("What did Kim say?", "What did Napoleon say?"),
    ],
)
def test_what_points_back_leans(leaning_one: str, other: str) -> None:
    before = f"{FIRST.question} {FIRST.answer}"
    assert leaning(leaning_one, before) > leaning(other, before)


@pytest.mark.parametrize(
    "question",
    [
        *("Who built Rome?", "Who wrote Hamlet?", "Where is Paris?", "Who was Napoleon?", "How long is the Nile?"),
        *("What is the capital of Peru?", "Who designed the Eiffel Tower?", "When was Tower Bridge opened?"),
    ],
)
def test_a_short_question_about_what_was_not_spoken_of_has_no_other_form(question: str) -> None:
    assert forms(question, [FIRST, SECOND]) == (Form(question),)
    # as it may be where there is no more to it than that, or
    assert len(at_once("And Napoleon?", [FIRST, SECOND])) == len(at_once("What about the Nile?", [FIRST, SECOND])) == 2
    # where it was spoken of
    about = Turn(question, f"{question} {question}")
    assert len(at_once(question, [about])) == 2


def test_what_no_question_may_hold_is_not_carried_over() -> None:
    _, carried, names = forms("Why?", [Turn("Who \ud800came?", "Kim\x00 and\x1b[31m Putin\x85.")])
    assert carried.text == "Who came? Kim and [31m Putin . Why?"
    assert names.text == "Kim Putin Why?"


def test_two_turns_are_carried_over_and_of_those_before_the_names() -> None:
    third = Turn("Where were they made?", "In Tula, " + "by hand " * 40)
    _, carried = at_once("Why?", [FIRST, SECOND, third])
    assert carried.text.startswith(
        "Putin Kim Jong Un How many tea sets were there? Two of them. Where were they made? In Tula, by hand"
    )
    assert len(carried.text.split()) < 50


def test_a_refusal_carries_nothing_over_but_its_own_question() -> None:
    alone, said, refused = at_once("Why?", [FIRST, REFUSED])
    assert said.text == f"{FIRST.question} {FIRST.answer} Why?"
    assert refused.text == "Who is the mayor of Lisbon? Why?"
    assert [form.text for form in forms("Why?", [REFUSED])] == ["Why?", refused.text]
    assert [form.text for form in at_once("Why?", [REFUSED, FIRST])] == ["Why?", said.text]
    assert alone.text == "Why?"


def test_what_is_carried_over_is_meant_of_the_last_answers_documents() -> None:
    first, last = replace(FIRST, documents=("a", "b")), replace(SECOND, documents=("c",))
    assert [form.documents for form in at_once("Why?", [first, last])] == [(), ("c",)]
    assert [form.documents for form in at_once("Why?", [first, REFUSED])] == [(), ("a", "b"), ()]
    assert [form.documents for form in at_once("Why?", [first, SECOND])] == [(), ()]


@pytest.mark.parametrize(
    ("history", "names"),
    [
        ([FIRST], "Putin Kim Jong Un"),
        ([FIRST, SECOND], "Putin Kim Jong Un"),
        ([SECOND, FIRST, REFUSED], "Putin Kim Jong Un"),
        ([FIRST, Turn("Who made it?", "It was made by Mara Doyle in Tula.")], "Mara Doyle Tula"),
        ([FIRST, Turn("Who made it?", "Mara Doyle, " + "by hand, " * 9 + "with Jon Brandt.")], "Mara Doyle"),
    ],
)
def test_of_other_documents_it_is_meant_with_the_last_names(history: list[Turn], names: str) -> None:
    (wider,) = (form for form in forms("Why?", history) if form.otherwise)
    assert wider.text == f"{names} Why?"
    assert not any(form.otherwise for form in forms("Why?", [SECOND, Turn("And what else?", "a dagger")]))


def test_in_another_language_a_question_is_tried_both_ways() -> None:
    question = "Milloin ensimmäinen rautatiesilta rakennettiin joen yli Pohjois-Suomessa?"
    alone, carried = at_once(question, [Turn("Kuka johtaa satamaa?", "Mara Doyle.")], "fi")
    assert (alone.text, carried.text) == (question, f"Kuka johtaa satamaa? Mara Doyle. {question}")
    assert carried.prior < alone.prior


def attempt(text: str, confidence: float) -> Attempt:
    """One whose features would give this confidence, were it of the question as it was put."""
    return Attempt(text, (), (), {"as_put": confidence}, 0.5)


def as_put(features: Mapping[str, float]) -> float:
    return features["as_put"]


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 1)), min_size=1, max_size=4))
def test_every_attempt_is_kept_and_a_likelier_form_comes_before_its_equal(
    given_ones: list[tuple[float, float]],
) -> None:
    attempts = [(Form(str(n), prior), attempt(str(n), sure)) for n, (prior, sure) in enumerate(given_ones)]
    ordered = best_first(attempts, as_put)
    assert sorted(one.searched_for for one in ordered) == sorted(form.text for form, _ in attempts)
    first = next(pair for pair in attempts if pair[1] is ordered[0])
    assert not any(
        form.prior > first[0].prior + 1e-6 and as_put(one.features) > as_put(first[1].features) + 1e-6
        for form, one in attempts
    )


def test_of_equals_the_question_itself_comes_first() -> None:
    alone, carried = attempt("Why?", 0.5), attempt("Who? Why?", 0.5)
    assert best_first([(Form("Why?"), alone), (Form("Who? Why?"), carried)], as_put) == (alone, carried)
    assert best_first([(Form("Why?"), alone), (Form("Who? Why?", 1.0), carried)], as_put) == (carried, alone)
    assert best_first([(Form("Why?"), alone), (Form("Who?", -1.0), attempt("Who? Why?", 0.99))], as_put)[1] is alone


def readings(*scores: float) -> list[Reading]:
    text = "It rained. It snowed. It froze. It thawed."
    sentences = split_sentences(text)
    hit = Hit(Passage(Document.of(text, title="Weather"), sentences, ""), 1.0, 1, {})
    return [
        Reading(hit, sentence, score, sentence.span.trimmed(text))
        for sentence, score in zip(sentences, scores, strict=True)
    ]


def test_two_readings_of_the_same_passages_are_mixed() -> None:
    rain, snow, frost, thaw = readings(0.9, 0.8, 0.1, 0.5)
    found = mixed([rain, snow], [replace(frost, score=1.0), replace(rain, score=0.2), thaw])
    # a sentence that a reading leaves out has the least of its scores
    expected = {rain.sentence: 0.6 * 0.9 + 0.4 * 0.2, frost.sentence: 0.6 * 0.8 + 0.4 * 1.0}
    expected |= {thaw.sentence: 0.6 * 0.8 + 0.4 * 0.5, snow.sentence: 0.6 * 0.8 + 0.4 * 0.2}
    assert [one.sentence for one in found] == [frost.sentence, thaw.sentence, rain.sentence]
    assert all(one.score == pytest.approx(expected[one.sentence]) for one in found)
    assert mixed([], []) == []


def test_in_a_sentence_that_was_shown_last_what_was_carried_over_counts_less() -> None:
    rain, snow, *_ = readings(0.2, 0.3, 0.1, 0.1)
    longer = [replace(rain, score=0.9), replace(snow, score=0.5)]
    assert [one.sentence for one in mixed([rain, snow], longer)] == [rain.sentence, snow.sentence]
    best, other = mixed([rain, snow], longer, "It began in May. It rained. It ended.")
    assert (best.sentence, best.score) == (rain.sentence, pytest.approx(0.7 * 0.2 + 0.3 * 0.9))
    assert other.score == pytest.approx(0.6 * 0.3 + 0.4 * 0.5)


def test_a_reading_of_nothing_takes_nothing_from_the_other() -> None:
    rain, *_ = readings(0.2, 0.3, 0.1, 0.1)
    assert [one.sentence for one in mixed([rain], [])] == [rain.sentence]
