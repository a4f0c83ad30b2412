"""The fit of confidence: the logistic model's coefficients, and the least confidence that keeps each risk."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from index.errors import QuestionSetError
from rag.calibration import CARRIED, Calibration

RISKS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
FOLDS = 5
_STEEPEST = 20.0
_HALVINGS = 40
_SEED = 20240618


@dataclass(frozen=True, slots=True)
class Asked:
    """What was seen at one question, and whether the best excerpt was right."""

    features: Mapping[str, float]
    right: bool
    group: str
    """Questions of one group, those about one document, are held out together."""
    weight: float = 1.0


def calibrate(asked: Sequence[Asked]) -> Calibration:
    """The coefficients that all of `asked` give, with thresholds from confidences that none of them had a part in.

    Raises QuestionSetError where too few are right, or wrong, for that.
    """
    fitted = fit(asked)
    right = np.array([one.right for one in asked])
    weights = np.array([one.weight for one in asked])
    return Calibration(fitted.weights, fitted.bias, thresholds(cross_fitted(asked), right, weights))


def fit(asked: Sequence[Asked]) -> Calibration:
    """The weighted logistic regression, without regularisation, of being right on the features; no thresholds.

    It is fitted on the questions that were read as they were put; of the others, the few that carry something over, the
    coefficient of `carried` alone, so that their likelihood is the greatest: most sets hold no conversations, and those
    that do are not to weigh in what the other coefficients say.

    Raises QuestionSetError where all are right, or none.
    """
    from sklearn.linear_model import LogisticRegression

    as_put = [one for one in asked if not one.features.get(CARRIED)]
    carried = [one for one in asked if one.features.get(CARRIED)]
    right = [one.right for one in as_put]
    if len(set(right)) < 2:
        raise QuestionSetError(
            f"{sum(right)} of {len(right)} questions read as they were put were answered right, and some must be, "
            "and some not",
            "Give more questions, and some without a history",
        )
    names = [name for name in as_put[0].features if name != CARRIED]
    weights = np.array([one.weight for one in as_put])
    model = LogisticRegression(C=1e6, max_iter=10_000)
    # at a mean weight of 1 the regularisation stays as weak as it is meant to be
    model.fit([[one.features[name] for name in names] for one in as_put], right, weights / weights.mean())
    coefficients = {name: round(float(weight), 4) for name, weight in zip(names, model.coef_[0], strict=True)}
    fitted = Calibration(coefficients, round(float(model.intercept_[0]), 4), ())
    return replace(fitted, weights={**coefficients, CARRIED: round(_shift(fitted, carried), 4)})


def _shift(fitted: Calibration, asked: Sequence[Asked]) -> float:
    """What to add to the logits so that, by weight, as many are right as the confidences say; 0 where all or none are.

    That is where the likelihood is greatest, and found by halving, since the confidences rise with it.
    """
    if len({one.right for one in asked}) < 2:
        return 0.0
    low, high = -_STEEPEST, _STEEPEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        shifted = replace(fitted, bias=fitted.bias + middle)
        excess = math.fsum(one.weight * (shifted.confidence(one.features) - one.right) for one in asked)
        low, high = (low, middle) if excess > 0 else (middle, high)
    return (low + high) / 2


def cross_fitted(asked: Sequence[Asked]) -> NDArray[np.float64]:
    """(n,): the confidence of each question by coefficients fitted on the groups of the other folds.

    Raises QuestionSetError where those of some folds are all right, or none is.
    """
    groups = sorted({one.group for one in asked})
    random.Random(_SEED).shuffle(groups)
    folds = {group: place % FOLDS for place, group in enumerate(groups)}
    confidence = np.empty(len(asked))
    for fold in sorted(set(folds.values())):
        fitted = fit([one for one in asked if folds[one.group] != fold])
        for place, one in enumerate(asked):
            if folds[one.group] == fold:
                confidence[place] = fitted.confidence(one.features)
    return confidence


def thresholds(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    weights: NDArray[np.float64],
    risks: Sequence[float] = RISKS,
) -> tuple[tuple[float, float], ...]:
    """(risk, threshold) of each of `risks`, ascending, that some threshold keeps; confidence, right, weights (n,).

    The threshold is the least confidence such that of all questions that have it or more at most that share, by
    weight, is wrong. A share of 1 in n is not seen among fewer than n: a threshold that fewer reach does not count.
    """
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    # equal confidences are answered together or not at all
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    taken = weights[order].cumsum()[last]
    wrong = (weights * ~right)[order].cumsum()[last]
    found = []
    for risk in sorted(risks):
        kept = np.flatnonzero((wrong <= risk * taken + 1e-9) & ((last + 1) * risk >= 1 - 1e-9))
        if len(kept):
            found.append((risk, float(ordered[last[kept[-1]]])))
    return tuple(found)
