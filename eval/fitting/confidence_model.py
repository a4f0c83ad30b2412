"""The logistic model of confidence: its coefficients, and the threshold for each risk of wrong answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from index.errors import QuestionSetError
from rag.calibration import CARRIED, Calibration

RISKS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
FOLDS = 5
_STEEPEST = 100.0
"""Beyond the logits that Calibration.confidence tells apart."""
_SEED = 20240618


@dataclass(frozen=True, slots=True)
class Example:
    """The features of one question, and whether its best excerpt was right."""

    features: Mapping[str, float]
    right: bool
    group: str
    """Questions of one group, those about one document, are held out together."""
    weight: float = 1.0


def calibrate(examples: Sequence[Example]) -> Calibration:
    """The coefficients fitted on all examples, with thresholds from cross-fitted confidences.

    Raises QuestionSetError if too few are right, or wrong, for that.
    """
    fitted = fit(examples)
    right = np.array([example.right for example in examples])
    weights = np.array([example.weight for example in examples])
    return Calibration(fitted.weights, fitted.bias, thresholds(cross_fitted(examples), right, weights))


def fit(examples: Sequence[Example]) -> Calibration:
    """The weighted logistic regression, without regularisation, of being right on the features; no thresholds.

    It is fitted on the questions that were read as they were put. The few others carry something over from earlier
    turns: only the coefficient of `carried` is fitted on them, by maximum likelihood. Most sets hold no conversations,
    and those that do must not change the other coefficients.

    Raises QuestionSetError if all are right, or none.
    """
    from sklearn.linear_model import LogisticRegression

    as_put = [example for example in examples if not example.features.get(CARRIED)]
    carried = [example for example in examples if example.features.get(CARRIED)]
    right = [example.right for example in as_put]
    if len(set(right)) < 2:
        raise QuestionSetError(
            f"{sum(right)} of {len(right)} questions read as they were put were answered right, and some must be, "
            "and some not",
            "Give more questions, and some without a history",
        )
    names = [name for name in as_put[0].features if name != CARRIED]
    weights = np.array([example.weight for example in as_put])
    model = LogisticRegression(C=1e6, max_iter=10_000)
    # the regularisation stays as weak as it is meant to be if the mean weight is 1
    model.fit([[example.features[name] for name in names] for example in as_put], right, weights / weights.mean())
    coefficients = {name: round(float(weight), 4) for name, weight in zip(names, model.coef_[0], strict=True)}
    fitted = Calibration(coefficients, round(float(model.intercept_[0]), 4), ())
    return replace(fitted, weights={**coefficients, CARRIED: round(_shift(fitted, carried), 4)})


def _shift(fitted: Calibration, examples: Sequence[Example]) -> float:
    """What to add to the logits so that, by weight, as many are right as the confidences say; 0 if all or none are.

    The likelihood is greatest there.
    """
    from scipy.optimize import brentq

    if len({example.right for example in examples}) < 2:
        return 0.0

    def excess(shift: float) -> float:
        shifted = replace(fitted, bias=fitted.bias + shift)
        return sum(one.weight * (shifted.confidence(one.features) - one.right) for one in examples)

    return float(brentq(excess, -_STEEPEST, _STEEPEST))


def cross_fitted(examples: Sequence[Example]) -> NDArray[np.float64]:
    """(n,): the confidence of each question by coefficients fitted on the groups of the other folds.

    Raises QuestionSetError if those of some folds are all right, or none is.
    """
    from sklearn.model_selection import GroupKFold

    groups = [example.group for example in examples]
    folds = GroupKFold(min(FOLDS, len(set(groups))), shuffle=True, random_state=_SEED)
    confidence = np.empty(len(examples))
    for others, held_out in folds.split(examples, groups=groups):
        fitted = fit([examples[n] for n in others])
        confidence[held_out] = [fitted.confidence(examples[n].features) for n in held_out]
    return confidence


def thresholds(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    weights: NDArray[np.float64],
    risks: Sequence[float] = RISKS,
) -> tuple[tuple[float, float], ...]:
    """(risk, threshold) of each of `risks`, ascending, that some threshold keeps; confidence, right, weights (n,).

    The threshold is the least confidence such that at most that share of the questions that reach it is wrong, by
    weight. A share of 1 in n is not seen among fewer than n: a threshold that fewer reach does not count.
    """
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    # questions of equal confidence are answered together or not at all
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    answered = weights[order].cumsum()[last]
    wrong = (weights * ~right)[order].cumsum()[last]
    kept = {
        risk: np.flatnonzero((wrong <= risk * answered + 1e-9) & ((last + 1) * risk >= 1 - 1e-9))
        for risk in sorted(risks)
    }
    return tuple((risk, float(ordered[last[places[-1]]])) for risk, places in kept.items() if len(places))
