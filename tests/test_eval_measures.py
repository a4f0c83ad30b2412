"""Measures against slow, obvious references, and the properties that every one of them keeps."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.measures.bootstrap import RESAMPLES, Estimate, Statistic, estimate, mean, ratio
from eval.measures.confidence import answered_at, aurc, auroc, ece, reliability, risk_by_coverage
from eval.measures.excerpts import f1
from eval.measures.measures import MEASURES, measure, summarise, summarise_categories
from eval.questions.data import Gold, Question
from eval.questions.documents import Documents, name_documents
from index.types import Document, Span

TEXT = "Mara Doyle leads the fleet. It has three ships. The harbour froze in 1962. Nobody was hurt."
SENTENCES = (Span(0, 27), Span(28, 47), Span(48, 74), Span(75, 91))
WORDS = (Span(0, 10), Span(35, 46), Span(69, 73), Span(75, 81))
DOCUMENT = Document.of(TEXT, title="Harbour")


def documents() -> Documents:
    return name_documents([("harbour", DOCUMENT)])


def place(sentence: int) -> dict[str, Any]:
    span = SENTENCES[sentence]
    return {"document_id": "harbour", "start": span.start, "end": span.end}


def excerpt(sentence: int) -> dict[str, Any]:
    words = WORDS[sentence]
    return {**place(sentence), "text": TEXT[slice(*_ends(SENTENCES[sentence]))], "highlight": [words.start, words.end]}


def row(
    id: str, sentences: list[int], *, answered: bool = True, confidence: float = 0.5, ms: float = 1
) -> dict[str, Any]:
    excerpts = [excerpt(sentence) for sentence in sentences]
    return {
        "version": 1,
        "id": id,
        "status": "answered" if answered else "unanswered",
        "confidence": confidence,
        "citations": excerpts if answered else [],
        "closest": [] if answered else excerpts,
        "retrieved": [place(sentence) for sentence in sentences],
        "searched_for": ["?"],
        "ms": {"retrieve": ms / 2, "read": ms / 2, "total": ms},
        "edition": "e",
    }


def question(id: str, sentence: int | None, **more: Any) -> Question:
    if sentence is None:
        return Question(id, "?", False, **more)
    words = WORDS[sentence]
    return Question(id, "?", True, (Gold("harbour", words),), (TEXT[words.start : words.end],), **more)


def values(questions: list[Question], rows: list[dict[str, Any]]) -> dict[str, float]:
    return {name: one.value for name, one in summarise(measure(questions, rows, documents())).items()}


def _ends(span: Span) -> tuple[int, int]:
    return span.start, span.end


def test_the_spans_of_this_file_are_what_they_should_be() -> None:
    assert [DOCUMENT[span] for span in WORDS] == ["Mara Doyle", "three ships", "1962", "Nobody"]
    assert " ".join(DOCUMENT[span] for span in SENTENCES) == TEXT
    assert all(sentence.covers(words) for sentence, words in zip(SENTENCES, WORDS, strict=True))


def test_every_measure_by_hand() -> None:
    questions = [
        question("first", 0),
        question("third", 1),
        question("abstained", 2),
        question("none", None),
        question("fooled", None),
    ]
    rows = [
        row("first", [0, 1], confidence=0.9, ms=1),
        row("third", [3, 2, 1], confidence=0.6, ms=2),
        row("abstained", [2], answered=False, confidence=0.4, ms=3),
        row("none", [0], answered=False, confidence=0.1, ms=4),
        row("fooled", [3], confidence=0.7, ms=100),
    ]
    assert values(questions, rows) == pytest.approx(
        {
            "hit@1": 2 / 3,
            "hit@3": 1,
            "answered_hit@1": 1 / 3,
            "answered": 2 / 3,
            "correct_empty": 1 / 2,
            # "third" and "fooled", of three that were answered.
            "wrong": 2 / 3,
            # The highlights: right, "Nobody" for "three ships", right.
            "f1": 2 / 3,
            # Words without articles: 2 of 8 shown (2 wanted); 2 of 11 (2 wanted); 1 of 4 (1 wanted).
            "f1_shown": (2 * 2 / (8 + 2) + 2 * 2 / (11 + 2) + 2 * 1 / (4 + 1)) / 3,
            "recall@1": 2 / 3,
            "recall@5": 1,
            "recall@10": 1,
            "mrr": (1 + 1 / 3 + 1) / 3,
            # Six pairs; only "fooled" beats "third" and "abstained".
            "auroc": 4 / 6,
            # Only "first" is above "fooled".
            "answered@80": 1 / 3,
            # By confidence: right, wrong, wrong, right, wrong.
            "aurc": (0 + 1 / 2 + 2 / 3 + 2 / 4 + 3 / 5) / 5,
            "ece": (0.1 + 0.7 + 0.6 + 0.6 + 0.1) / 5,
            "verbatim": 1,
            "ms_p50": 3,
            "ms_p95": 100,
        }
    )


def test_gold_at_the_edge_of_an_excerpt_counts_and_one_character_outside_does_not() -> None:
    whole = Question("q", "?", True, (Gold("harbour", SENTENCES[0]),))
    over = Question("q", "?", True, (Gold("harbour", Span(0, SENTENCES[0].end + 1)),))
    elsewhere = Question("q", "?", True, (Gold("other", SENTENCES[0]),))
    other = name_documents([("harbour", DOCUMENT), ("other", Document.of("x" * 100, title="Other"))])
    assert [measure([one], [row("q", [0])], other).scores["q"]["hit@1"] for one in (whole, over, elsewhere)] == [
        1,
        0,
        0,
    ]


def test_gold_that_is_a_passage_is_held_by_an_excerpt_inside_it() -> None:
    loose = Question("q", "?", True, (Gold("harbour", Span(0, 74), exact=False),))
    assert [measure([loose], [row("q", [one])], documents()).scores["q"]["hit@1"] for one in (1, 3)] == [1, 0]


def test_overlapping_gold_is_not_counted_twice_in_what_should_be_shown() -> None:
    gold = (Gold("harbour", Span(0, 10)), Gold("harbour", Span(0, 27)), Gold("harbour", Span(5, 27)))
    assert values([Question("q", "?", True, gold)], [row("q", [0])])["f1_shown"] == 1


def test_an_answerable_question_without_gold_is_measured_only_where_that_is_possible() -> None:
    measured = values([Question("q", "?", True), question("none", None)], [row("q", [0]), row("none", [0])])
    of_all = {
        "answered",
        "correct_empty",
        "wrong",
        "auroc",
        "answered@80",
        "aurc",
        "ece",
        "verbatim",
        "ms_p50",
        "ms_p95",
    }
    assert set(measured) == of_all
    assert measured["aurc"] == 1


@pytest.mark.parametrize(
    "change", [{"text": "Mara Doyle leads the fleet!"}, {"start": 1}, {"highlight": [20, 28]}, {"highlight": [3, 3]}]
)
def test_verbatim_is_computed_from_the_documents_for_citations_and_closest(change: dict[str, Any]) -> None:
    for answered in (True, False):
        good, bad = row("q", [0, 1, 2]), row("r", [0], answered=answered)
        bad["citations" if answered else "closest"][0] |= change
        assert values([question("q", 0), question("r", 0)], [good, bad])["verbatim"] == 3 / 4


def test_a_missing_row_scores_zero_and_is_the_worst_there_is() -> None:
    questions = [question("a", 0), question("b", 1), question("c", None), question("d", None)]
    rows = [
        row("a", [0], confidence=0.9),
        row("b", [1], confidence=0.8),
        row("c", [0], answered=False, confidence=0.2),
        row("d", [0], answered=False, confidence=0.1),
    ]
    whole = values(questions, rows)
    for missing in rows:
        less = values(questions, [one for one in rows if one is not missing])
        scores = measure(questions, [one for one in rows if one is not missing], documents()).scores[missing["id"]]
        assert not any(score for score in scores.values() if not isinstance(score, tuple))
        for name in ("auroc", "aurc", "ece"):
            assert MEASURES[name].worse(less[name], whole[name])
    nothing = values(questions, [])
    assert {nothing[name] for name in nothing if not MEASURES[name].lower_is_better} == {0}
    assert nothing["aurc"] == nothing["ece"] == 1


def test_a_perfect_system_scores_one() -> None:
    questions = [question(str(number), number % 4) for number in range(12)] + [question("none", None)]
    rows = [row(str(number), [number % 4], confidence=1) for number in range(12)]
    scores = values(questions, [*rows, row("none", [0], answered=False, confidence=0)])
    higher = [name for name in scores if not MEASURES[name].lower_is_better]
    assert {scores[name] for name in higher if name != "f1_shown"} == {1}
    assert scores["ece"] == 0
    assert scores["aurc"] == pytest.approx(1 / 13 / 13)


def test_categories_are_measured_apart() -> None:
    questions = [question("a", 0, category="who"), question("b", 1, category="how many"), question("c", 2)]
    by_category = summarise_categories(measure(questions, [row("a", [0]), row("b", [0]), row("c", [2])], documents()))
    assert {name: (one["hit@1"].value, one["hit@1"].n) for name, one in by_category.items()} == {
        "who": (1, 1),
        "how many": (0, 1),
    }


def test_a_measure_knows_which_way_is_better_and_how_it_is_written() -> None:
    assert MEASURES["hit@1"].worse(0.4, 0.5)
    assert not MEASURES["ms_p50"].worse(0.4, 0.5)
    assert [MEASURES["ms_p50"].formatted(value) for value in (9.96, 12.4)] == ["10.0", "12"]
    assert MEASURES["hit@1"].formatted(12.4) == "12.400"


@pytest.mark.parametrize(
    ("text", "gold", "expected"),
    [
        ("The  Mara, Doyle!", "mara doyle", 1),
        ("Mara", "Mara Doyle", 2 / 3),
        ("ship ship", "ship", 2 / 3),
        ("theatre", "the atre", 0),
        ("‘alliance’", "alliance", 1),
        ("", "ship", 0),
        ("the", "a", 1),
    ],
)
def test_f1_by_hand(text: str, gold: str, expected: float) -> None:
    assert f1(text, gold) == pytest.approx(expected)


@given(st.lists(st.sampled_from("bcdef"), max_size=8), st.lists(st.sampled_from("bcdef"), max_size=8))
def test_f1_by_counting(found: list[str], wanted: list[str]) -> None:
    left, common = Counter(wanted), 0
    for word in found:
        if left[word]:
            left[word] -= 1
            common += 1
    score = f1(" ".join(found), " ".join(wanted))
    if common:
        precision, recall = common / len(found), common / len(wanted)
        assert score == pytest.approx(2 * precision * recall / (precision + recall))
    else:
        assert score == float(not found and not wanted)


def slow_auroc(confidence: list[float], positive: list[bool]) -> float:
    pairs = [
        (c > d) + (c == d) / 2
        for (c, p), (d, q) in itertools.product(zip(confidence, positive, strict=True), repeat=2)
        if p and not q
    ]
    return sum(pairs) / len(pairs) if pairs else float("nan")


def slow_answered_at(confidence: list[float], positive: list[bool], kept: float) -> float:
    negatives = [c for c, p in zip(confidence, positive, strict=True) if not p]
    positives = [c for c, p in zip(confidence, positive, strict=True) if p]
    if not negatives or not positives:
        return float("nan")
    least = min(c for c in confidence if sum(d <= c for d in negatives) >= round(kept * len(negatives), 9))
    return sum(c > least for c in positives) / len(positives)


def slow_aurc(confidence: list[float], wrong: list[bool]) -> float:
    """The mean over every order of equal confidences."""
    areas = []
    for order in itertools.permutations(range(len(confidence))):
        if all(confidence[a] >= confidence[b] for a, b in itertools.pairwise(order)):
            risks = [sum(wrong[one] for one in order[:k]) / k for k in range(1, len(order) + 1)]
            areas.append(sum(risks) / len(risks))
    return sum(areas) / len(areas)


def slow_ece(confidence: list[float], right: list[bool]) -> float:
    """Every question cut in 10 equal parts, so that the bins are exact; equal confidences share one mean."""
    mean_right = {c: np.mean([r for d, r in zip(confidence, right, strict=True) if d == c]) for c in confidence}
    parts = [(c, mean_right[c]) for c in sorted(confidence) for _ in range(10)]
    size = len(confidence)
    bins = [parts[start : start + size] for start in range(0, len(parts), size)]
    return float(np.mean([abs(np.mean([c for c, _ in one]) - np.mean([r for _, r in one])) for one in bins]))


def confidences(draw: st.DrawFn, most: int) -> tuple[list[float], list[bool]]:
    n = draw(st.integers(1, most))
    confidence = draw(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), min_size=n, max_size=n))
    return confidence, draw(st.lists(st.booleans(), min_size=n, max_size=n))


few = st.composite(confidences)(most=6)
many = st.composite(confidences)(most=40)
STATISTICS: dict[str, Statistic] = {
    "auroc": auroc,
    "answered_at": partial(answered_at, kept_empty=0.8),
    "aurc": aurc,
    "ece": ece,
    "ms_p95": MEASURES["ms_p95"].statistic,
}


def value(statistic: Statistic, *columns: Any) -> float:
    return float(statistic(*(np.array(column, dtype=float) for column in columns)))


@given(many)
def test_auroc_by_pairs(sample: tuple[list[float], list[bool]]) -> None:
    assert value(auroc, *sample) == pytest.approx(slow_auroc(*sample), nan_ok=True)


@given(many, st.sampled_from([0.1, 0.5, 0.8, 1.0]))
def test_answered_at_by_trying_every_confidence(sample: tuple[list[float], list[bool]], kept: float) -> None:
    expected = slow_answered_at(*sample, kept)
    assert value(partial(answered_at, kept_empty=kept), *sample) == pytest.approx(expected, nan_ok=True)


@settings(deadline=None)
@given(few)
def test_aurc_by_walking_down_every_order(sample: tuple[list[float], list[bool]]) -> None:
    assert value(aurc, *sample) == pytest.approx(slow_aurc(*sample))


@given(many)
def test_ece_by_cutting_bins(sample: tuple[list[float], list[bool]]) -> None:
    assert value(ece, *sample) == pytest.approx(slow_ece(*sample))


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=60))
def test_a_percentile_of_latency_is_one_that_occurred_and_is_exceeded_by_few(milliseconds: list[float]) -> None:
    p95 = value(MEASURES["ms_p95"].statistic, milliseconds)
    assert p95 in milliseconds
    assert sum(ms > p95 for ms in milliseconds) <= 0.05 * len(milliseconds)
    assert sum(ms >= p95 for ms in milliseconds) > 0.05 * len(milliseconds)


@given(many, st.randoms())
def test_the_order_of_questions_changes_nothing(sample: tuple[list[float], list[bool]], random: Any) -> None:
    confidence, flags = sample
    order = list(range(len(flags)))
    random.shuffle(order)
    for statistic in (auroc, STATISTICS["answered_at"], aurc, ece):
        straight = value(statistic, confidence, flags)
        shuffled = value(statistic, [confidence[n] for n in order], [flags[n] for n in order])
        assert shuffled == pytest.approx(straight, nan_ok=True)
        assert np.isnan(straight) or 0 <= straight <= 1 + 1e-12


@pytest.mark.parametrize("name", STATISTICS)
@given(st.data())
def test_a_block_of_resamples_is_measured_as_each_of_them_alone(name: str, data: st.DataObject) -> None:
    confidence, flags = (np.array(column, dtype=float) for column in data.draw(many))
    drawn = np.random.default_rng(data.draw(st.integers(0, 9))).integers(len(flags), size=(3, len(flags)))
    columns = (confidence, flags) if name != "ms_p95" else (confidence,)
    together = STATISTICS[name](*(column[drawn] for column in columns))
    alone = [value(STATISTICS[name], *(column[row] for column in columns)) for row in drawn]
    assert together == pytest.approx(alone, nan_ok=True)


outcomes = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 3)),
        st.lists(st.integers(0, 3), min_size=1, max_size=3),
        st.booleans(),
        st.floats(0, 1),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=25)
@given(outcomes, st.randoms())
def test_every_measure_is_bounded_and_blind_to_order(outcomes: list[Any], random: Any) -> None:
    questions = [question(str(number), gold) for number, (gold, *_) in enumerate(outcomes)]
    rows = [
        row(str(number), sentences, answered=answered, confidence=confidence)
        for number, (_, sentences, answered, confidence, there) in enumerate(outcomes)
        if there
    ]
    straight = values(questions, rows)
    assert all(0 <= value <= 1 for value in straight.values())
    random.shuffle(questions)
    random.shuffle(rows)
    assert values(questions, rows) == pytest.approx(straight)


def test_the_interval_holds_the_value_and_narrows_with_more_questions() -> None:
    generator = np.random.default_rng(1)
    few, more = (estimate(mean, generator.random(n)) for n in (20, 2000))
    assert few is not None
    assert more is not None
    assert few.low < few.value < few.high
    assert more.low < more.value < more.high
    assert (few.high - few.low) > 5 * (more.high - more.low)
    # Half of a 95% interval of a mean of n uniform values is 1.96 sqrt(1/12/n).
    assert (more.high - more.low) / 2 == pytest.approx(1.96 * (1 / 12 / 2000) ** 0.5, rel=0.1)


def test_the_interval_is_that_of_scipy() -> None:
    from scipy.stats import bootstrap

    generator = np.random.default_rng(2)
    confidence = generator.random(300)
    flags = (generator.random(300) < confidence).astype(float)
    for statistic in (auroc, aurc, ece):
        ours = estimate(statistic, confidence, flags)
        theirs = bootstrap(
            (confidence, flags), lambda *columns, axis, of=statistic: of(*columns),
            paired=True, vectorized=True, n_resamples=RESAMPLES, batch=100, method="percentile", rng=0,
        ).confidence_interval  # fmt: skip
        assert ours is not None
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_what_applies_to_nothing_or_is_not_defined_has_no_estimate() -> None:
    assert estimate(mean, []) is None
    assert estimate(auroc, [0.5, 0.6], [1, 1]) is None
    assert estimate(mean, [1, 0]) is not None


def test_a_resample_in_which_a_statistic_is_not_defined_is_left_out() -> None:
    # one question in four is positive, so many resamples have none
    assert estimate(auroc, [0.9, 0.1, 0.2, 0.3], [1, 0, 0, 0]) == Estimate(1, 1, 1, 4)


def test_a_ratio_weighs_its_parts() -> None:
    assert value(ratio, [1, 0], [1, 3]) == 1 / 4


def test_an_estimate_of_one_question_has_no_spread() -> None:
    assert summarise(measure([question("q", 0)], [row("q", [0])], documents()))["hit@1"] == Estimate(1, 1, 1, 1)


def test_the_risk_coverage_curve_ends_at_the_share_wrong_and_ties_share_their_mean() -> None:
    risk = risk_by_coverage(np.array([0.9, 0.8, 0.8, 0.1]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert risk == pytest.approx([0, 1 / 4, 1 / 3, 1 / 2])


def test_the_bins_of_the_reliability_diagram() -> None:
    confidence, right = reliability(np.arange(20) / 20, (np.arange(20) >= 10).astype(float))
    assert confidence == pytest.approx(np.arange(10) / 10 + 0.025)
    assert right == pytest.approx([0] * 5 + [1] * 5)


def test_what_the_curves_are_drawn_from_counts_a_missing_row_as_wrong() -> None:
    measured = measure([question("a", 0), question("b", 0)], [row("a", [0], confidence=0.7)], documents())
    assert measured.columns("ece").tolist() == [[0.7, 1], [1, 0]]
    assert measured.columns("aurc").tolist() == [[0.7, 1], [0, 1]]
