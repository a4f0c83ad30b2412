"""The plots of the report: their axes, and the marks on them. report.html.jinja draws them as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.measures.bootstrap import Estimate

Points = Sequence[tuple[float, float]]

_SHORTEST = 0.001
"""Milliseconds: a logarithmic axis has no zero."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The label of an axis, and its ticks."""

    label: str
    ticks: Sequence[float]
    """Ascending; the first and the last are the axis's ends."""
    percent: bool = False
    log: bool = False

    def at(self, value: float) -> float:
        """The position of a value on the axis, 0 to 1. A value beyond an end is drawn at that end."""
        low, value, high = (math.log(v) if self.log else v for v in (self.ticks[0], value, self.ticks[-1]))
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def name(self, tick: float) -> str:
        return f"{tick:.0%}" if self.percent else f"{tick:g}"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something drawn on a plot: a line, an area or dots through its points, or a text above its only point."""

    kind: str
    """Its class in the style sheet."""
    points: Points
    text: str = ""
    before: bool = False
    """Whether the text is to the left of the point; otherwise to the right."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot, and a description of it in words."""

    id: str
    title: str
    description: str
    x: Axis
    y: Axis
    marks: Sequence[Mark]


def _share(label: str) -> Axis:
    return Axis(label, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), percent=True)


def risk_coverage_plot(
    risk: NDArray[np.float64], operating_point: tuple[float, float], allowed: float | None = None
) -> Plot:
    """The risk–coverage curve: the risk at k = 1…n answers, the (coverage, risk) as it answers now, the risk allowed.

    Coverage and risk are from 0 to 1.
    """
    curve = [(count / len(risk), value) for count, value in enumerate(risk.tolist(), start=1)]
    to_the_right = operating_point[0] > 0.5
    marks = [
        Mark("area", [(curve[0][0], 0.0), *curve, (1.0, 0.0)]),
        Mark("line", curve),
        Mark("here", [operating_point]),
        Mark("note", [operating_point], "as it answers", before=to_the_right),
    ]
    description = (
        f"Answering by falling confidence, {risk[-1]:.0%} of the answers are wrong once all are answered. "
        f"As it answers now, {operating_point[0]:.0%} are answered and {operating_point[1]:.0%} of those are wrong."
    )
    if allowed is not None:
        marks.append(Mark("rule", [(0.0, allowed), (1.0, allowed)]))
        # the line may run through the dot, so the label is on the other side
        side = (0.0 if to_the_right else 1.0, allowed)
        marks.append(Mark("note", [side], f"set to allow {100 * allowed:g}%", before=not to_the_right))
        description += f" It is set to allow {100 * allowed:g}%."
    x, y = _share("share of questions answered"), _share("share wrong among them")
    return Plot("risk-coverage", "Risk and coverage", description, x, y, marks)


def recall_plot(recall: Sequence[float], estimates: Mapping[int, Estimate]) -> Plot:
    """Recall at depths 1, 2, …, each 0 to 1, with the intervals that are known: depth -> estimate."""
    points = [(float(depth), value) for depth, value in enumerate(recall, start=1)]
    intervals = [Mark("whisker", [(depth, one.low), (depth, one.high)]) for depth, one in estimates.items()]
    description = f"{recall[0]:.0%} have gold in the first passage, {recall[-1]:.0%} in the first {len(recall)}."
    x, y = Axis("passages retrieved", range(1, len(recall) + 1)), _share("questions with gold among them")
    return Plot(
        "recall", "Recall of the search", description, x, y, [Mark("line", points), Mark("dot", points), *intervals]
    )


def latency_plot(milliseconds: Sequence[float], median: float, p95: float) -> Plot:
    """The distribution of latencies: the share of answers within each time, on a logarithmic axis."""
    ascending = sorted(max(_SHORTEST, value) for value in milliseconds)
    powers = range(math.floor(math.log10(ascending[0])), math.floor(math.log10(ascending[-1])) + 2)
    marks = [Mark("line", [(value, count / len(ascending)) for count, value in enumerate(ascending, start=1)])]
    for value, name, before in ((median, "median", True), (p95, "95%", False)):
        value = max(_SHORTEST, value)
        marks += [Mark("rule", [(value, 0.0), (value, 1.0)]), Mark("note", [(value, 1.0)], name, before)]
    description = f"Half of the answers took at most {median:.0f} ms, and 95 in 100 at most {p95:.0f} ms."
    x, y = Axis("milliseconds", [10.0**power for power in powers], log=True), _share("answers within that time")
    return Plot("latency", "Time an answer takes", description, x, y, marks)


def reliability_plot(confidence: NDArray[np.float64], right: NDArray[np.float64], error: float) -> Plot:
    """The reliability diagram: mean confidence and share right of each bin, (bins,), each 0 to 1."""
    points = list(zip(confidence.tolist(), right.tolist(), strict=True))
    marks = [Mark("rule", [(0.0, 0.0), (1.0, 1.0)]), Mark("line", points), Mark("dot", points)]
    description = f"In ten bins of equal count, confidence is on average {error:.1%} from the share right."
    return Plot("reliability", "Confidence and truth", description, _share("confidence"), _share("share right"), marks)
