"""The plots of the report, drawn as inline SVG. The page's style sheet gives them their colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from eval.measures.bootstrap import Estimate

Point = tuple[float, float]

_WIDTH, _HEIGHT = 420, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, _WIDTH - 14, 14, _HEIGHT - 48
_SHORTEST = 0.001
"""Milliseconds: a logarithmic axis has no zero."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot, and a description of it in words."""

    title: str
    description: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class Axis:
    """The label of an axis, and its ticks."""

    label: str
    ticks: Sequence[float]
    """Ascending; the first and the last are the axis's ends."""
    percent: bool = False
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value between the axis's ends, 0 to 1; a value beyond an end is drawn there."""
        low, value, high = (math.log(v) if self.log else v for v in (self.ticks[0], value, self.ticks[-1]))
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def name(self, tick: float) -> str:
        return f"{tick:.0%}" if self.percent else f"{tick:g}"


def _share(label: str) -> Axis:
    return Axis(label, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), percent=True)


@dataclass(frozen=True, slots=True)
class _Chart:
    """Two axes, and the SVG elements drawn over them. The kind of an element is its class in the style sheet."""

    x: Axis
    y: Axis
    elements: list[str] = field(default_factory=list)

    def place(self, point: Point) -> Point:
        across, up = self.x.at(point[0]), self.y.at(point[1])
        return _LEFT + across * (_RIGHT - _LEFT), _BOTTOM - up * (_BOTTOM - _TOP)

    def line(self, points: Sequence[Point], kind: str = "line", tag: str = "polyline") -> None:
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in map(self.place, points))
        self.elements.append(f'<{tag} class="{kind}" points="{path}"/>')

    def dots(self, points: Sequence[Point], kind: str = "dot", radius: float = 3.5) -> None:
        for across, down in map(self.place, points):
            self.elements.append(f'<circle class="{kind}" cx="{across:.1f}" cy="{down:.1f}" r="{radius}"/>')

    def note(self, point: Point, text: str, *, before: bool) -> None:
        """A text above a point, to its left or right."""
        across, down = self.place(point)
        anchor = "end" if before else "start"
        self.elements.append(_text("note", across + (-5 if before else 5), max(down - 11, _TOP + 10), text, anchor))

    def plot(self, id: str, title: str, description: str) -> Plot:
        """The elements over a grid, with ticks and labels."""
        frame = []
        for tick in self.y.ticks:
            left, down = self.place((self.x.ticks[0], tick))
            frame.append(f'<line class="grid" x1="{left}" x2="{_RIGHT}" y1="{down:.1f}" y2="{down:.1f}"/>')
            frame.append(_text("tick", left - 8, down + 4, self.y.name(tick), "end"))
        for tick in self.x.ticks:
            across, down = self.place((tick, self.y.ticks[0]))
            frame.append(_text("tick", across, down + 18, self.x.name(tick)))
        middle = (_TOP + _BOTTOM) / 2
        frame.append(_text("label", (_LEFT + _RIGHT) / 2, _HEIGHT - 8, self.x.label))
        frame.append(_text("label", 12, middle, self.y.label, more=f' transform="rotate(-90 12 {middle})"'))
        svg = Markup(
            f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="{id}-title {id}-desc">'
            f'<title id="{id}-title">{escape(title)}</title><desc id="{id}-desc">{escape(description)}</desc>'
            f"{''.join([*frame, *self.elements])}</svg>"
        )
        return Plot(title, description, svg)


def _text(kind: str, across: float, down: float, text: str, anchor: str = "middle", more: str = "") -> str:
    return f'<text class="{kind}" x="{across:.1f}" y="{down:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'


def risk_coverage_plot(risk: NDArray[np.float64], operating_point: Point, allowed: float | None = None) -> Plot:
    """The risk–coverage curve: the risk at k = 1…n answers, the (coverage, risk) as it answers now, the risk allowed.

    Coverage and risk are from 0 to 1.
    """
    chart = _Chart(_share("share of questions answered"), _share("share wrong among them"))
    coverage = np.arange(1, len(risk) + 1) / len(risk)
    curve = list(zip(coverage.tolist(), risk.tolist(), strict=True))
    chart.line([(coverage[0], 0.0), *curve, (1.0, 0.0)], "area", "polygon")
    chart.line(curve)
    chart.dots([operating_point], "here", 5)
    to_the_right = operating_point[0] > 0.5
    chart.note(operating_point, "as it answers", before=to_the_right)
    description = (
        f"Answering by falling confidence, {risk[-1]:.0%} of the answers are wrong once all are answered. "
        f"As it answers now, {operating_point[0]:.0%} are answered and {operating_point[1]:.0%} of those are wrong."
    )
    if allowed is not None:
        chart.line([(0.0, allowed), (1.0, allowed)], "rule")
        # the line may run through the dot, so its name stands at the other side
        chart.note((0.0 if to_the_right else 1.0, allowed), f"set to allow {100 * allowed:g}%", before=not to_the_right)
        description += f" It is set to allow {100 * allowed:g}%."
    return chart.plot("risk-coverage", "Risk and coverage", description)


def recall_plot(recall: Sequence[float], estimates: Mapping[int, Estimate]) -> Plot:
    """Recall at depths 1, 2, …, each 0 to 1, with the intervals that are known: depth -> estimate."""
    chart = _Chart(Axis("passages retrieved", range(1, len(recall) + 1)), _share("questions with gold among them"))
    points = [(float(depth), value) for depth, value in enumerate(recall, start=1)]
    chart.line(points)
    chart.dots(points)
    for depth, estimate in estimates.items():
        chart.line([(depth, estimate.low), (depth, estimate.high)], "whisker")
    description = f"{recall[0]:.0%} have gold in the first passage, {recall[-1]:.0%} in the first {len(recall)}."
    return chart.plot("recall", "Recall of the search", description)


def latency_plot(milliseconds: Sequence[float], median: float, p95: float) -> Plot:
    """The share of answers that took at most so many milliseconds, on a logarithmic axis."""
    ascending = sorted(max(_SHORTEST, value) for value in milliseconds)
    powers = range(math.floor(math.log10(ascending[0])), math.floor(math.log10(ascending[-1])) + 2)
    x = Axis("milliseconds", [10.0**power for power in powers], log=True)
    chart = _Chart(x, _share("answers within that time"))
    chart.line([(value, count / len(ascending)) for count, value in enumerate(ascending, start=1)])
    for value, name, before in ((median, "median", True), (p95, "95%", False)):
        value = max(_SHORTEST, value)
        chart.line([(value, 0.0), (value, 1.0)], "rule")
        chart.note((value, 1.0), name, before=before)
    description = f"Half of the answers took at most {median:.0f} ms, and 95 in 100 at most {p95:.0f} ms."
    return chart.plot("latency", "Time an answer takes", description)


def reliability_plot(confidence: NDArray[np.float64], right: NDArray[np.float64], error: float) -> Plot:
    """The reliability diagram: mean confidence and share right of each bin, (bins,), each 0 to 1."""
    chart = _Chart(_share("confidence"), _share("share right"))
    points = list(zip(confidence.tolist(), right.tolist(), strict=True))
    chart.line([(0.0, 0.0), (1.0, 1.0)], "rule")
    chart.line(points)
    chart.dots(points)
    description = f"In ten bins of equal count, confidence is on average {error:.1%} from the share right."
    return chart.plot("reliability", "Confidence and truth", description)
