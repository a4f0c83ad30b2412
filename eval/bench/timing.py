"""Paired timing: times two functions against each other on a noisy machine. A figure of the bench."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """One ratio, or one time, and its limit."""

    name: str
    value: float
    at_most: float
    detail: str

    @property
    def good(self) -> bool:
        return self.value <= self.at_most

    def __str__(self) -> str:
        mark = "good" if self.good else "OVER"
        return f"{mark}  {self.name}: {self.value:.2f}, at most {self.at_most:.4g} ({self.detail})"


def median(name: str, values: Sequence[float], at_most: float) -> Figure:
    """The figure for the median of these times, in the unit that `name` states."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return Figure(name, middle, at_most, f"median of {len(values)}, quartiles {low:.4g} and {high:.4g}")


def seconds(run: Callable[..., object], *arguments: object) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start


def in_turns(
    ours: Callable[[T], float], theirs: Callable[[T], float], inputs: Sequence[T]
) -> list[tuple[float, float]]:
    """(ours, theirs): the times for each input, measured right after each other, once both sides are warm.

    The two sides take turns in going first, so that a machine that slows down favours neither.
    """
    ours(inputs[0]), theirs(inputs[0])
    pairs = []
    for number, value in enumerate(inputs):
        if number % 2 == 0:
            pairs.append((ours(value), theirs(value)))
        else:
            second = theirs(value)
            pairs.append((ours(value), second))
    return pairs


def ratio(name: str, pairs: Sequence[tuple[float, float]], at_most: float) -> Figure:
    """The median of the ratios within pairs, so that noise of the machine between pairs does not count."""
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    low, middle, high = np.quantile([a / b for a, b in pairs], [0.25, 0.5, 0.75]).tolist()
    detail = f"quartiles {low:.2f} and {high:.2f}; medians {1000 * ours:.4g} ms and {1000 * theirs:.4g} ms"
    return Figure(name, middle, at_most, detail)
