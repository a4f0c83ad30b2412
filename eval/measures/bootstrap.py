"""Estimates with intervals: the percentile bootstrap over questions, vectorised.

A resample is a row of weights: how often each question was drawn. A statistic takes weights, int64 (resamples, n),
and gives one value a resample, float64 (resamples,), NaN where it is not defined; so the same function gives the value
(all weights one) and its interval, and every statistic of a set sees the same resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

Weights = NDArray[np.int64]
Values = NDArray[np.float64]
Statistic = Callable[[Weights], Values]

RESAMPLES = 1000
LEVEL = 0.95
_BLOCK = 100


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95% interval and the number of questions that it rests on."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one system's mean is above another's, over the questions that both have a value for."""

    value: float
    low: float
    high: float
    n: int
    p: float
    """Of the paired bootstrap, two-sided: how often as great a difference, or a greater, comes by chance alone."""


def resamples(n: int, *, seed: int = 0) -> Iterator[Weights]:
    """RESAMPLES resamples of n questions, in blocks (block, n); each row sums to n."""
    generator = np.random.default_rng(seed)
    for _ in range(0, RESAMPLES, _BLOCK):
        drawn = generator.integers(n, size=(_BLOCK, n)) + n * np.arange(_BLOCK)[:, None]
        yield np.bincount(drawn.ravel(), minlength=_BLOCK * n).reshape(_BLOCK, n)


def estimate(statistics: Mapping[str, tuple[Statistic, int]], n: int) -> dict[str, Estimate]:
    """Name -> estimate, of name -> (statistic over n questions, how many of them it applies to).

    The interval is the 2.5th to the 97.5th percentile over the resamples in which the statistic is defined (Efron
    1979). A statistic that is not defined over all the questions is left out.
    """
    once = np.ones((1, n), dtype=np.int64)
    values = {name: float(statistic(once)[0]) for name, (statistic, applies) in statistics.items() if applies}
    defined = {name: value for name, value in values.items() if not np.isnan(value)}
    drawn: dict[str, list[Values]] = {name: [] for name in defined}
    for weights in resamples(n):
        for name in defined:
            drawn[name].append(statistics[name][0](weights))
    tail = (1 - LEVEL) / 2
    estimates = {}
    for name, value in defined.items():
        low, high = np.nanquantile(np.concatenate(drawn[name]), [tail, 1 - tail])
        estimates[name] = Estimate(value, float(low), float(high), statistics[name][1])
    return estimates


def paired(ours: ArrayLike, theirs: ArrayLike) -> Difference | None:
    """The difference in the means of two systems' values (n,) on the same questions; None where they share none.

    A NaN is no value. A question is drawn with both its values, so that what is hard for both counts for neither. p is
    the share of resamples whose difference lies as far from the one seen as that lies from zero, or farther; the one
    seen counts as a resample, so p is never 0 (Efron & Tibshirani 1993, 16.4; Davison & Hinkley 1997, 4.2).
    """
    differences = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    differences = differences[~np.isnan(differences)]
    n = len(differences)
    if not n:
        return None
    value = float(differences.mean())
    drawn = np.concatenate([weights @ differences for weights in resamples(n)]) / n
    # The tolerance keeps equal sums equal that were added up in another order.
    as_far = int((np.abs(drawn - value) >= abs(value) - 1e-12).sum())
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Difference(value, float(low), float(high), n, (1 + as_far) / (1 + RESAMPLES))


def ratio(numerators: ArrayLike, denominators: ArrayLike) -> Statistic:
    """The sum of numerators (n,) over the sum of denominators (n,). With denominators of 0 and 1 it is a mean."""
    return partial(_ratio, np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64))


def mean(values: ArrayLike) -> Statistic:
    """The mean of values (n,) that are not NaN."""
    array = np.asarray(values, dtype=np.float64)
    applies = ~np.isnan(array)
    return ratio(np.where(applies, array, 0.0), applies)


def quantile(values: ArrayLike, fraction: float) -> Statistic:
    """The smallest of the values (n,) that at least this fraction of them does not exceed; NaN are left aside."""
    array = np.asarray(values, dtype=np.float64)
    order = np.argsort(array, kind="stable")
    return partial(_quantile, array, order[: int((~np.isnan(array)).sum())], fraction)


def restricted(statistic: Statistic, applies: NDArray[np.bool_]) -> Statistic:
    """A statistic over some of the questions, as one over all of them: applies (n,)."""
    return lambda weights: statistic(weights[:, applies])


def _ratio(numerators: Values, denominators: Values, weights: Weights) -> Values:
    with np.errstate(invalid="ignore"):
        quotient: Values = (weights @ numerators) / (weights @ denominators)
    return quotient


def _quantile(values: Values, order: NDArray[np.int64], fraction: float, weights: Weights) -> Values:
    reached = np.cumsum(weights[:, order], axis=1)
    # The tolerance keeps a fraction such as 0.95, which no float equals, from asking for one value more.
    enough = reached >= fraction * reached[:, -1:] - 1e-9
    found = values[order[np.argmax(enough, axis=1)]]
    return np.where(reached[:, -1] > 0, found, np.nan)
