"""How well confidence tells right from wrong: AUROC, the risk–coverage curve and its area, calibration.

Every statistic here gives the same for every order of its questions: equal confidences are treated as one group.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval.measures.bootstrap import Statistic, Values, Weights

BINS = 10


@dataclass(frozen=True, slots=True)
class _Groups:
    """Questions ordered by confidence, ascending, and where each group of equal confidences starts."""

    order: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, confidence: Values) -> _Groups:
        order = np.argsort(confidence, kind="stable")
        ordered = confidence[order]
        return cls(order, np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])))

    def sums(self, values: NDArray[np.generic], weights: Weights) -> Values:
        """The weighted sum of values (n,) in each group: (resamples, groups), by ascending confidence."""
        weighted = weights[:, self.order] * values[self.order].astype(np.float64)
        totals: Values = np.add.reduceat(weighted, self.starts, axis=1)
        return totals


def auroc(confidence: ArrayLike, positive: ArrayLike) -> Statistic:
    """The share of (positive, negative) pairs in which the positive one has more confidence; a tie counts a half.

    confidence (n,), positive (n,) bool. 0 to 1, higher is better, chance is 0.5; NaN where one of the kinds is absent.
    """
    confidence, positive = np.asarray(confidence, dtype=np.float64), np.asarray(positive, dtype=np.bool_)
    return partial(_auroc, _Groups.of(confidence), positive)


def answered_at(confidence: ArrayLike, answerable: ArrayLike, kept_empty: float) -> Statistic:
    """The share of answerable questions above the least confidence that keeps so many unanswerable ones empty.

    confidence (n,), answerable (n,) bool, kept_empty the share of the unanswerable at or below that confidence. 0 to 1,
    higher is better, chance is 1 - kept_empty; NaN where one of the kinds is absent. A point of the ROC curve.
    """
    confidence, positive = np.asarray(confidence, dtype=np.float64), np.asarray(answerable, dtype=np.bool_)
    return partial(_answered_at, _Groups.of(confidence), positive, kept_empty)


def aurc(confidence: ArrayLike, wrong: ArrayLike) -> Statistic:
    """The area under the risk–coverage curve: the mean, over k = 1…n, of the share wrong among the k most confident.

    confidence (n,), wrong (n,) bool. 0 to 1, lower is better. Questions of equal confidence are taken in the mean over
    their orders. Formula: Geifman & El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017; its
    area as in Geifman, Uziel & El-Yaniv, ICLR 2019.
    """
    confidence, wrong = np.asarray(confidence, dtype=np.float64), np.asarray(wrong, dtype=np.bool_)
    return partial(_aurc, _Groups.of(-confidence), wrong)


def ece(confidence: ArrayLike, right: ArrayLike) -> Statistic:
    """The expected calibration error: the mean distance, in 10 equal bins, of confidence from share right.

    confidence (n,), 0 to 1; right (n,) bool. 0 to 1, lower is better. The bins hold equally many questions, by
    confidence; those of equal confidence that a bin's edge divides count in both in proportion. Formula: Naeini, Cooper
    & Hauskrecht, AAAI 2015.
    """
    confidence, right = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.bool_)
    return partial(_ece, _Groups.of(confidence), confidence - right)


def risk_coverage(confidence: ArrayLike, wrong: ArrayLike) -> tuple[Values, Values]:
    """The risk–coverage curve: (coverage, risk), both (points,), by descending confidence."""
    confidence, wrong = np.asarray(confidence, dtype=np.float64), np.asarray(wrong, dtype=np.bool_)
    groups, once = _Groups.of(-confidence), np.ones((1, len(confidence)), dtype=np.int64)
    taken = groups.sums(np.ones(len(confidence)), once)[0].cumsum()
    return taken / len(confidence), groups.sums(wrong, once)[0].cumsum() / taken


def reliability(confidence: ArrayLike, right: ArrayLike) -> tuple[Values, Values]:
    """The bins of ece: (mean confidence, share right), both (bins,), of min(10, n) bins by ascending confidence."""
    confidence, right = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.bool_)
    groups, once = _Groups.of(confidence), np.ones((1, len(confidence)), dtype=np.int64)
    bins = min(BINS, len(confidence))
    counts = groups.sums(np.ones(len(confidence)), once)
    size = len(confidence) / bins
    means = [_binned(counts, groups.sums(values, once), bins)[0] / size for values in (confidence, right)]
    return means[0], means[1]


def _auroc(groups: _Groups, positive: NDArray[np.bool_], weights: Weights) -> Values:
    positives, negatives = groups.sums(positive, weights), groups.sums(~positive, weights)
    below = negatives.cumsum(axis=1) - negatives
    won = (positives * (below + negatives / 2)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        share: Values = won / (positives.sum(axis=1) * negatives.sum(axis=1))
    return share


def _answered_at(groups: _Groups, positive: NDArray[np.bool_], kept_empty: float, weights: Weights) -> Values:
    positives, negatives = (groups.sums(kind, weights).cumsum(axis=1) for kind in (positive, ~positive))
    # a hair less, since a sum such as 0.8 * 5 may come out above 4
    reached = (negatives >= kept_empty * negatives[:, -1:] - 1e-9).argmax(axis=1)
    with np.errstate(invalid="ignore"):
        share: Values = 1 - positives[np.arange(len(positives)), reached] / positives[:, -1]
    return np.where(negatives[:, -1] > 0, share, np.nan)


def _aurc(groups: _Groups, wrong: NDArray[np.bool_], weights: Weights) -> Values:
    counts, wrongs = groups.sums(np.ones(len(wrong)), weights), groups.sums(wrong, weights)
    seen, wrong_before = counts.cumsum(axis=1), wrongs.cumsum(axis=1) - wrongs
    before = seen - counts
    total = seen[:, -1]
    # A group of m with e wrong, after M with E wrong, adds the sum over j = 1…m of (E + j e/m) / (M + j),
    # which is e + (E − M e/m) (H(M + m) − H(M)), H being the harmonic numbers.
    harmonic = np.append(0.0, np.cumsum(1 / np.arange(1, int(total.max(initial=0)) + 1)))
    spread = harmonic[seen.astype(np.int64)] - harmonic[before.astype(np.int64)]
    share = np.divide(wrongs, counts, out=np.zeros_like(wrongs), where=counts > 0)
    with np.errstate(invalid="ignore"):
        area: Values = (wrongs + (wrong_before - before * share) * spread).sum(axis=1) / total
    return area


def _ece(groups: _Groups, excess: Values, weights: Weights) -> Values:
    counts = groups.sums(np.ones(len(excess)), weights)
    gaps = np.abs(_binned(counts, groups.sums(excess, weights), BINS)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        error: Values = gaps / counts.sum(axis=1)
    return error


def _binned(counts: Values, sums: Values, bins: int) -> Values:
    """What of each group's sum falls in each of so many bins of equal count: (resamples, bins)."""
    zero = np.zeros((len(counts), 1))
    reached, totals = np.hstack([zero, counts.cumsum(axis=1)]), np.hstack([zero, sums.cumsum(axis=1)])
    shares = np.linspace(0, 1, bins + 1)
    return np.stack([np.diff(np.interp(shares * x[-1], x, y)) for x, y in zip(reached, totals, strict=True)])
