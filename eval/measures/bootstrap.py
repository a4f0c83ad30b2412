"""Bootstrap confidence intervals over questions, and the paired bootstrap test between two systems.

A statistic takes one or more columns, float64 (..., questions), and gives one value for each leading index,
float64 (...), NaN if it is not defined there. So one function serves a set of questions and a block of resamples.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Statistic = Callable[..., Values]

RESAMPLES = 1000
LEVEL = 0.95
_TAILS = (1 - LEVEL) / 2, (1 + LEVEL) / 2
_SEED = 0
_BATCH = 100
"""The number of resamples held in memory at once."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95% interval and the number of questions it rests on."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Difference(Estimate):
    """The difference of two systems' means, over the questions for which both have a value."""

    p: float
    """The two-sided p of the paired bootstrap: how often chance alone gives a difference as large as this one."""


def mean(values: Values) -> Values:
    average: Values = values.mean(axis=-1)
    return average


def ratio(numerators: Values, denominators: Values) -> Values:
    """The sum of the numerators over the sum of the denominators, both (..., n)."""
    quotient: Values = numerators.sum(axis=-1) / denominators.sum(axis=-1)
    return quotient


def estimate(statistic: Statistic, *columns: ArrayLike) -> Estimate | None:
    """The statistic of columns (n,) with its interval; None if the statistic is not defined for them.

    The interval is the 2.5th to the 97.5th percentile over the resamples for which the statistic is defined
    (Efron 1979).
    """
    arrays = [np.asarray(column, dtype=np.float64) for column in columns]
    n = len(arrays[0])
    value = float(statistic(*arrays)) if n else np.nan
    if np.isnan(value):
        return None
    low, high = np.nanquantile(_distribution(statistic, *arrays), _TAILS).tolist()
    return Estimate(value, low, high, n)


def paired(differences: Values) -> Difference | None:
    """The mean of the differences (n,) between two systems at the same questions; None if there are none.

    Differences are drawn, so a question that is hard for both systems counts for neither. p is the share of
    resamples whose mean lies at least as far from the observed mean as that lies from zero. The observed one counts as
    a resample, so p is never 0 (Efron & Tibshirani 1993, 16.4; Davison & Hinkley 1997, 4.2).
    """
    estimated = estimate(mean, differences)
    if estimated is None:
        return None
    # with the tolerance, sums that differ only in the order of addition are equal
    farness = np.abs(_distribution(mean, differences) - estimated.value)
    as_far = int((farness >= abs(estimated.value) - 1e-12).sum())
    return Difference(**asdict(estimated), p=(1 + as_far) / (1 + RESAMPLES))


def _distribution(statistic: Statistic, *columns: Values) -> Values:
    """(RESAMPLES,): the statistic of as many resamples of the questions, drawn as scipy.stats.bootstrap draws them."""
    generator = np.random.default_rng(_SEED)
    n = len(columns[0])
    batches = (generator.integers(n, size=(_BATCH, n)) for _ in range(RESAMPLES // _BATCH))
    return np.concatenate([statistic(*(column[drawn] for column in columns)) for drawn in batches])
