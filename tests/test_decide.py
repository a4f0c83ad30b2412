"""Which form of a question is answered: by prior and confidence, with the fallback only if needed."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from index.types import Document, Hit, Passage, Sentence, Span
from rag.decide import answers, likeliest_first
from rag.types import Form, Judgement, Reading

_DOCUMENT = Document.of("It rained.", title="Weather")
_SENTENCE = Sentence(Span(0, 10), 1)
_READING = Reading(Hit(Passage(_DOCUMENT, (_SENTENCE,)), 1.0, 1, {}), _SENTENCE, 1.0, Span(3, 9))


def judgement(form: Form, confidence: float, *, if_not_carried: float | None = None, read: bool = True) -> Judgement:
    likely = confidence if if_not_carried is None else if_not_carried
    return Judgement(form, (), (_READING,) if read else (), {}, 0.0, confidence, likely)


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 1)), min_size=1, max_size=4))
def test_nothing_is_lost_and_no_form_comes_after_one_that_is_less_likely_in_both(
    likelihoods: list[tuple[float, float]],
) -> None:
    judgements = [judgement(Form(str(n), prior), sure) for n, (prior, sure) in enumerate(likelihoods)]
    ordered = likeliest_first(judgements, 0.5)
    assert sorted(one.form.text for one in ordered) == sorted(one.form.text for one in judgements)
    for n, later in enumerate(ordered):
        assert not any(
            later.form.prior > earlier.form.prior + 1e-6 and later.confidence > earlier.confidence + 1e-6
            for earlier in ordered[:n]
        )


def test_of_equal_forms_the_question_as_it_was_put_comes_first() -> None:
    alone, carried = judgement(Form("Why?"), 0.5), judgement(Form("Who? Why?", carried=True), 0.5)
    likelier = judgement(Form("Who? Why?", 1.0, carried=True), 0.5)
    unlikely = judgement(Form("Who? Why?", -9.0, carried=True), 0.99)
    assert likeliest_first([alone, carried], 0.5) == (alone, carried)
    assert likeliest_first([alone, likelier], 0.5) == (likelier, alone)
    assert likeliest_first([alone, unlikely], 0.5) == (alone, unlikely)


def test_forms_are_compared_without_what_carried_text_adds() -> None:
    alone = judgement(Form("Why?"), 0.4)
    carried = judgement(Form("Who? Why?", carried=True), 0.9, if_not_carried=0.3)
    assert likeliest_first([carried, alone], 0.5) == (alone, carried)


def test_a_fallback_comes_first_only_if_it_is_answered_and_the_likeliest_other_is_not() -> None:
    weak, strong = judgement(Form("Why?"), 0.4), judgement(Form("Why?"), 0.6)
    answered = judgement(Form("Kim Why?", fallback=True), 0.7)
    unanswered = judgement(Form("Kim Why?", fallback=True), 0.45)
    assert likeliest_first([weak, answered], 0.5) == (answered, weak)
    assert likeliest_first([weak, unanswered], 0.5) == (weak, unanswered)
    assert likeliest_first([strong, answered], 0.5) == (strong, answered)


def test_without_a_reading_nothing_is_answered() -> None:
    assert answers(judgement(Form("Why?"), 0.5), 0.5)
    assert not answers(judgement(Form("Why?"), 0.49), 0.5)
    assert not answers(judgement(Form("Why?"), 1.0, read=False), 0.0)
    assert not answers(judgement(Form("Why?"), 1.0), math.inf)
