"""A figure of the bench, and how two things are timed in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figure:
    """One ratio, or one time."""

    name: str
    value: float
    at_most: float
    detail: str

    @property
    def good(self) -> bool:
        return self.value <= self.at_most


def median(name: str, values: Sequence[float], at_most: float) -> Figure:
    """The median of some times, in the unit that the name says."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return Figure(name, middle, at_most, f"median of {len(values)}, quartiles {low:.4g} and {high:.4g}")


def seconds(run: Callable[..., object], *arguments: object) -> float:
    """How long running this takes."""
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start


def in_turns(
    ours: Callable[[T], float], theirs: Callable[[T], float], inputs: Iterable[T]
) -> list[tuple[float, float]]:
    """(ours, theirs) of each input, within moments of each other; which of them goes first changes every time."""
    pairs = []
    for number, given in enumerate(inputs):
        if number % 2 == 0:
            pairs.append((ours(given), theirs(given)))
        else:
            second = theirs(given)
            pairs.append((ours(given), second))
    return pairs


def ratio(name: str, pairs: Sequence[tuple[float, float]], at_most: float) -> Figure:
    """The median of the pairs' ratios: each pair was measured within moments of each other on a noisy machine."""
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    low, middle, high = np.quantile([a / b for a, b in pairs], [0.25, 0.5, 0.75]).tolist()
    detail = f"quartiles {low:.2f} and {high:.2f}; medians {1000 * ours:.4g} ms and {1000 * theirs:.4g} ms"
    return Figure(name, middle, at_most, detail)
