"""The logistic model of confidence: its coefficients, and the threshold for each risk of wrong answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from index.errors import QuestionSetError
from rag.calibration import CARRIED, Calibration

RISKS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
FOLDS = 5
_STEEPEST = 100.0
"""A limit for logits: beyond it, Calibration.confidence cannot tell two logits apart."""
_SEED = 20240618


@dataclass(frozen=True, slots=True)
class Example:
    """The features of one question, and whether its best excerpt was right."""

    features: Mapping[str, float]
    right: bool
    group: str
    """Questions of one group, such as one document, are held out together."""
    weight: float = 1.0


def calibrate(examples: Sequence[Example]) -> Calibration:
    """The coefficients fitted on all examples, with thresholds from cross-fitted confidences.

    Raises QuestionSetError if too few are right or too few are wrong.
    """
    fitted = fit(examples)
    right = np.array([example.right for example in examples])
    weights = np.array([example.weight for example in examples])
    return Calibration(fitted.weights, fitted.bias, thresholds(cross_fitted(examples), right, weights))


def fit(examples: Sequence[Example]) -> Calibration:
    """Fits a weighted logistic regression, without regularisation, that predicts whether a reading is right.

    It is fitted on the questions that were read as they were asked. The few others carry text over from earlier turns:
    only the coefficient of `carried` is fitted on them, by maximum likelihood. Most sets have no conversations, and
    those that have some must not change the other coefficients. The result has no thresholds.

    Raises QuestionSetError if all are right or all are wrong.
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
    # with a mean weight of 1, the regularisation stays negligible
    model.fit([[example.features[name] for name in names] for example in as_put], right, weights / weights.mean())
    coefficients = {name: round(float(weight), 4) for name, weight in zip(names, model.coef_[0], strict=True)}
    fitted = Calibration(coefficients, round(float(model.intercept_[0]), 4), ())
    return replace(fitted, weights={**coefficients, CARRIED: round(_shift(fitted, carried), 4)})


def _shift(fitted: Calibration, examples: Sequence[Example]) -> float:
    """The maximum-likelihood shift of the logits; 0 if all are right or all are wrong.

    With it, the weighted sum of the confidences is the weighted number that are right.
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

    Raises QuestionSetError if the questions of the other folds are all right or all wrong.
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
    """(risk, threshold) for each of `risks`, ascending, that a threshold achieves; the arrays are (n,).

    The threshold is the lowest confidence at which, of the questions that reach it, at most the share `risk` is wrong,
    by weight. At least 1 / risk questions must reach it, because fewer cannot show so small a share.
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
