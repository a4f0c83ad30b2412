"""Measures of answering, abstaining and confidence: AUROC, ROC curve, risk–coverage curve, calibration error.

Every statistic takes columns (..., n) and is the same for every order of its questions: questions of equal confidence
share the mean of their outcomes.
"""

from functools import partial

import numpy as np

from eval.measures.bootstrap import Values, mean, ratio
from eval.measures.types import Case, Measure, Table

BINS = 10


@np.errstate(invalid="ignore")
def auroc(confidence: Values, positive: Values) -> Values:
    """The share of (positive, negative) pairs in which the positive one has more confidence; a tie counts a half.

    0 to 1, higher is better, chance is 0.5; NaN if one of the two kinds is absent.
    """
    positives = _ascending(confidence, positive)
    negatives = 1 - positives
    won = (positives * (negatives.cumsum(axis=-1) - negatives / 2)).sum(axis=-1)
    share: Values = won / (positives.sum(axis=-1) * negatives.sum(axis=-1))
    return share


@np.errstate(invalid="ignore")
def answered_at(confidence: Values, answerable: Values, kept_empty: float) -> Values:
    """The share of answerable questions above the threshold that leaves `kept_empty` of the unanswerable unanswered.

    `kept_empty` is the share of the unanswerable at or below that threshold. 0 to 1, higher is better, chance is
    1 - kept_empty; NaN if one of the two kinds is absent. A point of the ROC curve.
    """
    unanswerable = (1 - answerable).sum(axis=-1, keepdims=True)
    ascending = np.sort(np.where(answerable, np.inf, confidence), axis=-1)
    # slightly less, because a rounded product such as 0.8 * 5 may be above 4
    kept = np.ceil(kept_empty * unanswerable - 1e-9).astype(int)
    least = np.take_along_axis(ascending, np.maximum(kept - 1, 0), axis=-1)
    above = ratio(answerable * (confidence > least), answerable)
    return np.where(unanswerable[..., 0] > 0, above, np.nan)


def risk_by_coverage(confidence: Values, wrong: Values) -> Values:
    """The risk–coverage curve, (..., n): the share wrong among the k most confident, k = 1…n.

    Formula: Geifman & El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017.
    """
    descending = _ascending(-confidence, wrong)
    return descending.cumsum(axis=-1) / np.arange(1, descending.shape[-1] + 1)


def aurc(confidence: Values, wrong: Values) -> Values:
    """The area under the risk–coverage curve, 0 to 1, lower is better (Geifman, Uziel & El-Yaniv, ICLR 2019)."""
    return mean(risk_by_coverage(confidence, wrong))


def ece(confidence: Values, right: Values) -> Values:
    """The expected calibration error: the mean distance, in 10 equal bins, of confidence from the share right.

    0 to 1, lower is better. The bins hold equally many questions, by confidence; a question at a bin's edge counts in
    both in proportion. Formula: Naeini, Cooper & Hauskrecht, AAAI 2015.
    """
    return mean(np.abs(_bin_means(_ascending(confidence, right - confidence), BINS)))


def reliability(confidence: Values, right: Values) -> tuple[Values, Values]:
    """The bins of ece, (mean confidence, share right), both (bins,): min(10, n) bins by ascending confidence."""
    bins = min(BINS, len(confidence))
    return _bin_means(_ascending(confidence, confidence), bins), _bin_means(_ascending(confidence, right), bins)


def _ascending(confidence: Values, outcomes: Values) -> Values:
    """The outcomes (..., n) by ascending confidence; those of equal confidence become their mean."""
    order = np.argsort(confidence, axis=-1)
    confidence, outcomes = (np.take_along_axis(values, order, axis=-1) for values in (confidence, outcomes))
    starts = np.ones(confidence.shape, dtype=np.bool_)
    starts[..., 1:] = confidence[..., 1:] != confidence[..., :-1]
    group = starts.ravel().cumsum() - 1
    means = np.bincount(group, outcomes.ravel()) / np.bincount(group)
    shared: Values = means[group].reshape(outcomes.shape)
    return shared


def _bin_means(values: Values, bins: int) -> Values:
    """(..., bins): the means of the values (..., n) in bins of equal count, in order."""
    n = values.shape[-1]
    edges = np.linspace(0, n, bins + 1)
    last = np.minimum(edges.astype(int), n - 1)
    before = values.cumsum(axis=-1)[..., last] - values[..., last]
    means: Values = np.diff(before + (edges - last) * values[..., last], axis=-1) * bins / n
    return means


def _confidence(case: Case, missing: float) -> float:
    return missing if case.row is None else float(case.row["confidence"])


def _answerable(case: Case) -> tuple[float, float]:
    """A missing row gets the worst possible confidence, so that leaving a question out never pays."""
    return _confidence(case, missing=-1 if case.question.answerable else 2), case.question.answerable


def _right(case: Case) -> tuple[float, float] | None:
    return (_confidence(case, missing=1), case.is_hit(1)) if case.judged else None


def _wrong(case: Case) -> tuple[float, float] | None:
    return (_confidence(case, missing=1), not case.is_hit(1)) if case.judged else None


MEASURES = (
    Measure("answered_hit@1", "share of answerable questions that were answered, by a first citation that holds gold",
            lambda case: case.answered and case.is_hit(1) if case.question.gold else None,
            tables=Table.SYSTEMS | Table.CATEGORIES),
    Measure("answered", "share of answerable questions that were answered",
            lambda case: case.answered if case.question.answerable else None),
    Measure("correct_empty", "share of unanswerable questions that were left unanswered",
            lambda case: None if case.question.answerable else case.row is not None and not case.answered,
            tables=Table.SYSTEMS | Table.CATEGORIES),
    Measure("wrong", "share of the answered questions whose first citation holds no gold",
            lambda case: not case.is_hit(1) if case.answered and case.judged else None, lower_is_better=True),
    Measure("auroc", "chance that an answerable question has more confidence than an unanswerable one",
            _answerable, auroc, tables=Table.SYSTEMS | Table.FIGURES),
    Measure("answered@80",
            "share of answerable questions above the confidence that leaves 80% of the unanswerable unanswered",
            _answerable, partial(answered_at, kept_empty=0.8), tables=Table.FIGURES),
    Measure("aurc", "area under the risk–coverage curve of all questions", _wrong, aurc, lower_is_better=True),
    Measure("ece", "mean distance of confidence from the share right, in 10 bins of equal count",
            _right, ece, lower_is_better=True),
)  # fmt: skip
