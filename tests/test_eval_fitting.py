"""The fit of confidence and its thresholds: against a slow reference, and honest about what it was fitted on."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.fitting.confidence_model import Example, calibrate, cross_fitted, fit, thresholds
from index.errors import QuestionSetError, SettingsError
from rag.calibration import FEATURES, Calibration

RISKS = (0.05, 0.1, 0.25, 0.5, 0.9)
CARRIED = list(FEATURES).index("carried")


def asked(n: int, seed: int = 0, groups: int = 20) -> list[Example]:
    """Questions of which the first feature alone tells how likely they are right."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(n, len(FEATURES)))
    features[:, CARRIED] = 0
    right = generator.random(n) < 1 / (1 + np.exp(-2 * features[:, 0]))
    return [
        Example(dict(zip(FEATURES, one.tolist(), strict=True)), bool(its), str(k % groups))
        for k, (one, its) in enumerate(zip(features, right, strict=True))
    ]


def least(confidence: list[float], right: list[bool], weights: list[float], risk: float) -> float | None:
    """The threshold by trying every confidence that there is."""
    for threshold in sorted(set(confidence)):
        reached = [k for k, one in enumerate(confidence) if one >= threshold]
        wrong = sum(weights[k] for k in reached if not right[k])
        if wrong <= risk * sum(weights[k] for k in reached) + 1e-9 and len(reached) * risk >= 1 - 1e-9:
            return threshold
    return None


@given(
    st.lists(
        st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.71, 0.9]), st.booleans(), st.sampled_from([0.5, 1.0, 2.0])),
        min_size=1,
        max_size=60,
    )
)
def test_a_threshold_is_the_least_that_keeps_its_risk(questions: list[tuple[float, bool, float]]) -> None:
    confidence, right, weights = (list(column) for column in zip(*questions, strict=True))
    found = thresholds(np.array(confidence), np.array(right), np.array(weights), RISKS)
    slow = [(risk, least(confidence, right, weights, risk)) for risk in RISKS]
    assert list(found) == [(risk, threshold) for risk, threshold in slow if threshold is not None]
    assert [threshold for _, threshold in found] == sorted((threshold for _, threshold in found), reverse=True)


def test_a_risk_that_too_few_could_show_is_left_out() -> None:
    confidence, right = np.linspace(0.5, 0.9, 30), np.ones(30, bool)
    assert [risk for risk, _ in thresholds(confidence, right, np.ones(30))] == [0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5]
    assert thresholds(confidence, ~right, np.ones(30)) == ()


def test_a_confidence_is_fitted_without_the_question_s_group() -> None:
    some = asked(200, groups=10)
    before = cross_fitted(some)
    # turning a group's outcomes around changes the confidences of the others, and none of its own
    turned = [Example(one.features, one.right != (one.group == "3"), one.group) for one in some]
    after = cross_fitted(turned)
    own = np.array([one.group == "3" for one in some])
    np.testing.assert_array_equal(before[own], after[own])
    assert (before[~own] != after[~own]).any()


def test_thresholds_hold_on_questions_that_were_not_fitted_on() -> None:
    calibration = calibrate(asked(4000, seed=1))
    new = asked(20_000, seed=2)
    for risk in (0.1, 0.2, 0.3):
        threshold = calibration.threshold(risk)
        answered = [one.right for one in new if calibration.confidence(one.features) >= threshold]
        assert len(answered) > 1000
        assert 1 - sum(answered) / len(answered) == pytest.approx(risk, abs=0.025)


def test_a_set_counts_by_its_weight_and_not_by_its_size() -> None:
    some = asked(300)
    doubled = fit([*some, *some[:100]])
    weighted = fit([Example(one.features, one.right, one.group, 2.0 if k < 100 else 1.0) for k, one in enumerate(some)])
    assert weighted.bias == pytest.approx(doubled.bias, abs=2e-3)
    assert weighted.weights == pytest.approx(doubled.weights, abs=2e-3)


def carrying(some: Sequence[Example], outcomes: Sequence[bool]) -> list[Example]:
    """The same questions, each read with what was said before it and so answered."""
    return [
        replace(one, features={**one.features, "carried": 1.0}, right=right)
        for one, right in zip(some, outcomes, strict=True)
    ]


def test_what_carries_something_over_changes_its_own_coefficient_alone() -> None:
    some = asked(400)
    others = carrying(some, [not one.right for one in some])
    plain, both = fit(some), fit(some + others)
    assert plain.weights["carried"] == 0
    assert both.weights["carried"] != 0
    assert {**both.weights, "carried": 0} == plain.weights
    assert both.bias == plain.bias


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.5, 1.0, 3.0])), min_size=2, max_size=30))
def test_as_many_that_carry_something_over_are_right_as_the_confidences_say(ones: list[tuple[bool, float]]) -> None:
    some = asked(300)
    outcomes, weights = zip(*ones, strict=True)
    others = [
        replace(one, weight=weight) for one, weight in zip(carrying(some[: len(ones)], outcomes), weights, strict=True)
    ]
    fitted = fit(some + others)
    shift = fitted.weights["carried"]
    if len(set(outcomes)) < 2:
        assert shift == 0
        return

    def likelihood(by: float) -> float:
        tried = replace(fitted, weights={**fitted.weights, "carried": by})
        sure = [tried.confidence(one.features) for one in others]
        return sum(one.weight * math.log(p if one.right else 1 - p) for one, p in zip(others, sure, strict=True))

    # the slow way: nothing around it is likelier
    assert likelihood(shift) >= max(likelihood(shift + by) for by in (-1.0, -0.1, -0.01, 0.01, 0.1, 1.0)) - 1e-9
    said = sum(one.weight * fitted.confidence(one.features) for one in others)
    assert said == pytest.approx(sum(one.weight * one.right for one in others), abs=0.02)


@pytest.mark.parametrize("right", [True, False])
def test_a_fit_needs_both_kinds(right: bool) -> None:
    with pytest.raises(QuestionSetError, match="were answered right, and some must be"):
        fit([Example({"best": 0.5}, right, "a"), Example({"best": 0.7}, right, "b")])


KNOWN = Calibration(dict.fromkeys(FEATURES, 1.0), 0.0, ((0.05, 0.9), (0.1, 0.7), (0.3, 0.4)))


@pytest.mark.parametrize(
    ("risk", "threshold"),
    [
        (0.0, math.inf), (0.049, math.inf), (0.05, 0.9), (0.099, 0.9), (0.1, 0.7), (0.2, 0.7), (0.3, 0.4),
        (0.999, 0.4), (1.0, 0.0),
    ],
)  # fmt: skip
def test_the_threshold_is_that_of_the_largest_risk_that_is_not_above(risk: float, threshold: float) -> None:
    assert KNOWN.threshold(risk) == threshold


def test_of_nothing_known_all_or_none_is_answered() -> None:
    nothing = Calibration({}, 0.0, ())
    assert (nothing.threshold(0.99), nothing.threshold(1.0)) == (math.inf, 0.0)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9))
def test_what_is_written_is_read_again_and_no_threshold_falls(values: list[float]) -> None:
    kept = tuple(zip((n / 10 for n in range(1, 10)), sorted(values, reverse=True), strict=False))
    written = Calibration(KNOWN.weights, -0.25, kept).to_json()
    for (_, exact), (_, rounded) in zip(kept, written["thresholds"], strict=True):
        assert exact <= rounded <= exact + 2e-6
    json.dumps(written, allow_nan=False)


GOOD = {"reader": "similarity", **KNOWN.to_json()}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("{", "is not what eval.fitting.calibrate writes"),
        ("[]", "is not what eval.fitting.calibrate writes"),
        ("{}", "reader is {}: Field required"),
        (json.dumps(GOOD | {"reader": "other"}), "was fitted with the reader 'other', expected 'similarity'"),
        (json.dumps(GOOD | {"features": FEATURES | {"names_covered": 0}}), "was fitted with the features"),
        (json.dumps(GOOD | {"bias": "1"}), "bias is '1'"),
        (json.dumps(GOOD | {"bias": math.inf}), "bias is inf"),
        (json.dumps(GOOD | {"weights": {}}), "reader_score"),
        (json.dumps(GOOD | {"thresholds": [[0.1]]}), "is not what eval.fitting.calibrate writes"),
        (json.dumps(GOOD | {"thresholds": 1}), "is not what eval.fitting.calibrate writes"),
        (json.dumps(GOOD | {"thresholds": [[-5, 0.1]]}), "thresholds.0.0 is -5"),
        (json.dumps(GOOD | {"thresholds": [[0.3, 7]]}), "thresholds.0.1 is 7"),
        (json.dumps(GOOD | {"thresholds": [[0.3, 0.5], [0.1, 0.9]]}), "do not fall as risks rise"),
        (json.dumps(GOOD | {"thresholds": [[0.1, 0.5], [0.3, 0.9]]}), "do not fall as risks rise"),
    ],
)
def test_a_calibration_that_is_none_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "calibration.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError) as caught:
        Calibration.read(file, "similarity")
    assert said in str(caught.value)
    assert str(file) in str(caught.value)
    assert "python -m eval.fitting.calibrate" in str(caught.value)


def test_a_good_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps(GOOD))
    assert Calibration.read(file, "similarity") == Calibration.read(file, "similarity", encoder="any") == KNOWN


def test_one_from_before_features_had_versions_is_read(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps({key: value for key, value in GOOD.items() if key != "features"}))
    assert Calibration.read(file, "similarity") == KNOWN


def test_one_that_was_fitted_with_another_encoder_or_reranker_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    file.write_text(json.dumps(GOOD | {"fitted_on": {"encoder": "one", "reranker": ""}}))
    assert Calibration.read(file, "similarity", encoder="one", reranker="") == KNOWN
    with pytest.raises(SettingsError, match="fitted with the encoder 'one', expected 'other'"):
        Calibration.read(file, "similarity", encoder="other", reranker="")
    with pytest.raises(SettingsError, match="fitted with the reranker '', expected 'mine'"):
        Calibration.read(file, "similarity", encoder="one", reranker="mine")


@pytest.mark.parametrize("reader", ["transformers:/models/one", "../reader/similarity", "nope"])
def test_a_reader_for_which_none_ships_says_how_to_fit_one(reader: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Calibration.shipped(reader)
    assert f"python -m eval.fitting.calibrate --reader {reader} --out" in str(caught.value)
    assert "QUOTH_CALIBRATION" in str(caught.value)
