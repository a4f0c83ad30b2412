"""What went before a question: systems to compare with, histories that have nothing to do with it, paired tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.fitting.followups import fit, main
from eval.measures.bootstrap import paired
from eval.questions.data import Gold, Question
from eval.questions.documents import name_documents
from eval.questions.history import with_unrelated_history
from eval.run.asking import history_rows, joined
from eval.run.evaluation import differences_table
from index.errors import QuestionError, QuestionSetError
from index.types import Document, Span
from rag.answer import Answerer
from rag.forms import signs
from rag.types import Turn

DOCUMENTS = name_documents([(name, Document.of(f"About {name}.", title="")) for name in ("a", "b")])


def question(id: str, document: str | None, *history: Turn, answers: tuple[str, ...] = ("About",)) -> Question:
    gold = (Gold(document, Span(0, 5)),) if document else ()
    return Question(id, f"What is {id}?", True, gold, answers, history, document_id=document)


def unanswerable(id: str, document: str) -> Question:
    return Question(id, f"What is {id}?", False, document_id=document)


class Recorded:
    """Refuses every question, and says which it was."""

    class corpus:
        edition = "e"

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Turn, ...]]] = []

    def ask(self, text: str, history: tuple[Turn, ...] = ()) -> Any:
        self.asked.append((text, tuple(history)))
        raise QuestionError(text, "no")


def test_the_history_is_left_out_and_put_before() -> None:
    turns = (Turn("Who?", "Mara."), Turn("Where?", ""))
    questions = [question("1", "a"), question("2", "b", *turns)]
    assert joined(questions[1]) == "Who? Where? What is 2?"
    answerer, own = Recorded(), [{"id": "1"}, {"id": "2"}]
    systems = history_rows(cast(Answerer, answerer), questions, own, DOCUMENTS)
    assert answerer.asked == [("What is 2?", ()), ("Who? Where? What is 2?", ())]
    assert list(systems) == ["history ignored", "history joined"]
    for rows in systems.values():
        assert [row["id"] for row in rows] == ["1", "2"]
        assert rows[0] is own[0]
        assert rows[1]["status"] == "unanswered"
    assert history_rows(cast(Answerer, answerer), questions[:1], own[:1], DOCUMENTS) == {}


def test_an_unrelated_history_is_of_another_document_and_the_same_each_time() -> None:
    questions = [question(str(n), "ab"[n % 2]) for n in range(20)] + [unanswerable("none", "a")]
    drawn = with_unrelated_history(questions, DOCUMENTS)
    about = {one.text: one.document_id for one in questions}
    assert [one.id for one in drawn] == [one.id for one in questions]
    for one in drawn:
        (turn,) = one.history
        assert about[turn.question] not in (None, one.document_id)
        # the whole sentence, as it is shown
        (place,) = turn.shown
        document = DOCUMENTS.by_row_id[str(about[turn.question])]
        assert (place.document_id, document[place.span]) == (document.id, f"About {about[turn.question]}.")
    assert drawn == with_unrelated_history(questions, DOCUMENTS)
    assert len({one.history for one in drawn}) > 5


@pytest.mark.parametrize("questions", [[question("1", "a")], [question("1", "a"), question("2", None)]])
def test_a_set_without_another_document_has_no_unrelated_history(questions: list[Question]) -> None:
    with pytest.raises(QuestionSetError, match="no question about another document"):
        with_unrelated_history(questions, DOCUMENTS)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=30))
def test_a_paired_difference_is_the_same_from_both_sides(values: list[tuple[float, float]]) -> None:
    ours, theirs = np.array(values).T
    one, other = paired(ours - theirs), paired(theirs - ours)
    assert one is not None
    assert other is not None
    assert one.value == pytest.approx(ours.mean() - theirs.mean())
    assert (other.value, other.p) == (pytest.approx(-one.value), one.p)
    assert one.low <= one.value + 1e-9
    assert one.value <= one.high + 1e-9
    assert 0 < one.p <= 1
    assert cast(Any, paired(ours - ours)).p == 1


def test_p_is_small_for_a_difference_that_is_there_and_not_for_one_that_is_not() -> None:
    generator = np.random.default_rng(1)
    base = generator.integers(0, 2, 400).astype(float)
    better, same = np.maximum(base, generator.random(400) < 0.2), generator.permutation(base)
    assert cast(Any, paired(better - base)).p < 0.01
    assert cast(Any, paired(same - base)).p > 0.5
    assert paired(np.array([])) is None
    assert "+0.000" in differences_table({"other": cast(Any, paired(base - base))}, "hit@1")


def test_leaning_is_fitted_on_questions_of_both_kinds(tmp_path: Path) -> None:
    leaning = [("Why did he?", "Newton came."), ("And then?", ""), ("Did Newton?", "Newton came.")]
    alone = [("Which company built the first railway bridge in 1888?", ""), ("Who was Napoleon?", "Newton came.")]
    fitted = fit(leaning, alone)
    assert set(fitted["weights"]) == set(signs("Why?", ""))
    assert fitted["weights"]["pronoun"] > 0 > fitted["weights"]["new_name"]
    with pytest.raises(QuestionSetError, match="0 questions lean"):
        fit([], [("Who?", "")])
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"question": "Why?", "rewrite": "Why did the harbour freeze?", "history": [{}]}\n{"question": 1}')
    given_ones = ["--conversations", str(rows), "--alone", str(rows), "--out", str(tmp_path / "out.json")]
    assert main(given_ones) == 3
