"""Questions in conversation: the forms that they can mean, how they are read, and which is chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.types import Span
from rag.forms import leaning, possible_forms
from rag.types import Form, Place, Turn

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
    found = possible_forms(question, history, language)
    assert found[0] == Form(question)
    assert len({form.text for form in found}) == len(found) <= 4
    assert [form.fallback for form in found] == sorted(form.fallback for form in found)
    assert all(not form.documents for form in found if form.fallback)
    assert {form.shown_text for form in found} <= {turn.answer for turn in history} | {""}
    assert all(math.isfinite(form.prior) for form in found)
    assert all(form.text.endswith(" ".join(question.split())) for form in found[1:])
    assert possible_forms(question, (), language) == (Form(question),)


def at_once(question: str, history: Sequence[Turn], language: str = "en") -> list[Form]:
    """The forms that do not wait for the others not to be answered."""
    return [form for form in possible_forms(question, history, language) if not form.fallback]


@given(histories)
def test_a_question_that_stands_alone_has_no_other_form(history: list[Turn]) -> None:
    assert possible_forms(ALONE, history) == (Form(ALONE),)


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
    assert possible_forms(question, [FIRST, SECOND]) == (Form(question),)
    # as it may be where there is no more to it than that, or
    assert len(at_once("And Napoleon?", [FIRST, SECOND])) == len(at_once("What about the Nile?", [FIRST, SECOND])) == 2
    # where it was spoken of
    about = Turn(question, f"{question} {question}")
    assert len(at_once(question, [about])) == 2


def test_what_no_question_may_hold_is_not_carried_over() -> None:
    _, carried, names = possible_forms("Why?", [Turn("Who \ud800came?", "Kim\x00 and\x1b[31m Putin\x85.")])
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
    assert [form.text for form in possible_forms("Why?", [REFUSED])] == ["Why?", refused.text]
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
    (wider,) = (form for form in possible_forms("Why?", history) if form.fallback)
    assert wider.text == f"{names} Why?"
    assert not any(form.fallback for form in possible_forms("Why?", [SECOND, Turn("And what else?", "a dagger")]))


def test_in_another_language_a_question_is_tried_both_ways() -> None:
    question = "Milloin ensimmäinen rautatiesilta rakennettiin joen yli Pohjois-Suomessa?"
    alone, carried = at_once(question, [Turn("Kuka johtaa satamaa?", "Mara Doyle.")], "fi")
    assert (alone.text, carried.text) == (question, f"Kuka johtaa satamaa? Mara Doyle. {question}")
    assert carried.prior < alone.prior


def test_places_that_were_shown_go_with_the_form_and_their_text_does_not() -> None:
    place = Place("a", Span(0, 9))
    _, by_place = at_once("Why?", [Turn("Who came?", "Kim came.", ("a",), (place,))])
    _, by_text = at_once("Why?", [Turn("Who came?", "Kim came.", ("a",))])
    assert (by_place.shown, by_place.shown_text, by_place.documents) == ((place,), "", ("a",))
    assert (by_text.shown, by_text.shown_text, by_text.documents) == ((), "Kim came.", ("a",))
    assert by_place.text == by_text.text
    assert by_place.carried
    assert not any(form.carried for form in possible_forms("Why?", [Turn("Who came?", "Kim came.")]) if form.fallback)
