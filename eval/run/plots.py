"""The plots of the report, drawn as inline SVG; the page's style sheet gives them their colours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 420, 300
_SHORTEST = 0.001  # of a millisecond: a logarithmic axis has no zero
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 14, 48


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot, and in words what it shows."""

    title: str
    description: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows, and where its ticks stand."""

    label: str
    ticks: tuple[float, ...]
    """Ascending; the first and the last are the axis's ends."""
    percent: bool = False
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value stands between the axis's ends: 0 to 1, and held there."""
        low, high = (self._scaled(end) for end in (self.ticks[0], self.ticks[-1]))
        return min(1.0, max(0.0, (self._scaled(value) - low) / (high - low)))

    def name(self, tick: float) -> str:
        return f"{tick:.0%}" if self.percent else f"{tick:g}"

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.log else value


SHARE = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def risk_coverage_plot(
    coverage: NDArray[np.float64], risk: NDArray[np.float64], point: tuple[float, float], borne: float | None = None
) -> Plot:
    """The risk–coverage curve: coverage, risk (points,), 0 to 1, the (coverage, risk) of the system as it is, and the
    risk that it is set to bear, if any."""
    x = Axis("share of questions answered", SHARE, percent=True)
    y = Axis("share wrong among them", SHARE, percent=True)
    curve = [(float(coverage[0]), float(risk[0])), *zip(coverage.tolist(), risk.tolist(), strict=True)]
    marks = [
        _area([(curve[0][0], 0.0), *curve, (curve[-1][0], 0.0)], x, y),
        _line(curve, x, y),
        _dot(point, x, y, "here"),
        _note(point, x, y, "as it answers", before=x.at(point[0]) > 0.5),
    ]
    set_to = ""
    if borne is not None:
        # a line may lie on the dot, but its name must not
        away = point[0] > 0.5
        marks.append(_line([(0.0, borne), (1.0, borne)], x, y, "rule"))
        marks.append(_note((0.0 if away else 1.0, borne), x, y, f"set to bear {100 * borne:g}%", before=not away))
        set_to = f" It is set to bear {100 * borne:g}%."
    return _svg(
        "risk-coverage",
        "Risk and coverage",
        f"Answering by falling confidence, {risk[-1]:.0%} of the answers are wrong once all are answered. "
        f"As it answers now, {point[0]:.0%} are answered and {point[1]:.0%} of those are wrong.{set_to}",
        x,
        y,
        marks,
    )


def recall_plot(recall: Sequence[float], intervals: Iterable[tuple[int, float, float]]) -> Plot:
    """Recall at depths 1, 2, …, each 0 to 1, with the intervals (depth, low, high) that are known."""
    x = Axis("passages retrieved", tuple(float(depth) for depth in range(1, len(recall) + 1)))
    y = Axis("questions with gold among them", SHARE, percent=True)
    points = [(float(depth), value) for depth, value in enumerate(recall, start=1)]
    marks = [_line(points, x, y), *(_dot(point, x, y) for point in points)]
    marks += [_whisker(depth, low, high, x, y) for depth, low, high in intervals]
    said = f"{recall[0]:.0%} have gold in the first passage, {recall[-1]:.0%} in the first {len(recall)}."
    return _svg("recall", "Recall of the search", said, x, y, marks)


def latency_plot(milliseconds: Sequence[float], median: float, p95: float) -> Plot:
    """How long answers took: milliseconds of each answer, on a logarithmic axis."""
    milliseconds, median, p95 = (
        [max(_SHORTEST, one) for one in milliseconds],
        max(_SHORTEST, median),
        max(_SHORTEST, p95),
    )
    ticks = _one_two_five(min(milliseconds), max(milliseconds))
    edges = np.geomspace(ticks[0], ticks[-1], 31)
    counts, _ = np.histogram(milliseconds, edges)
    x = Axis("milliseconds an answer", ticks, log=True)
    y = Axis("answers", _whole_ticks(int(counts.max())))
    marks = [
        _bar(float(edges[bin]), float(edges[bin + 1]), int(count), x, y) for bin, count in enumerate(counts) if count
    ]
    for value, name, before in ((median, "median", True), (p95, "95%", False)):
        marks.append(_line([(value, y.ticks[0]), (value, y.ticks[-1])], x, y, "rule"))
        marks.append(_note((value, y.ticks[-1]), x, y, name, before=before))
    said = f"Half of the answers took at most {median:.0f} ms, and 95 in 100 at most {p95:.0f} ms."
    return _svg("latency", "Time an answer takes", said, x, y, marks)


def reliability_plot(confidence: NDArray[np.float64], right: NDArray[np.float64], error: float) -> Plot:
    """The reliability diagram: mean confidence and share right of each bin, (bins,), each 0 to 1."""
    x = Axis("confidence", SHARE, percent=True)
    y = Axis("share right", SHARE, percent=True)
    points = list(zip(confidence.tolist(), right.tolist(), strict=True))
    marks = [_line([(0, 0), (1, 1)], x, y, "rule"), _line(points, x, y), *(_dot(point, x, y) for point in points)]
    said = f"In ten bins of equal count, confidence is {error:.1%} from the share right in the mean."
    return _svg("reliability", "Confidence and truth", said, x, y, marks)


def _one_two_five(low: float, high: float) -> tuple[float, ...]:
    """Ticks 1, 2, 5, 10, 20, … of which the first is not above `low`, and the last is above `high`."""
    steps = [base * 10.0**power for power in range(-3, 7) for base in (1, 2, 5)]
    first = max((i for i, step in enumerate(steps) if step <= low), default=0)
    last = next((i for i, step in enumerate(steps) if step > high), len(steps) - 1)
    return tuple(steps[first : last + 1])


def _whole_ticks(high: int) -> tuple[float, ...]:
    """At most six ticks at whole numbers, from 0 to `high` or a little more."""
    step = next(base * 10**power for power in range(9) for base in (1, 2, 5) if base * 10**power * 5 >= high)
    return tuple(float(tick) for tick in range(0, step * max(1, math.ceil(high / step)) + 1, step))


def _place(point: tuple[float, float], x: Axis, y: Axis) -> tuple[float, float]:
    across, up = x.at(point[0]), y.at(point[1])
    return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)


def _path(points: Points, x: Axis, y: Axis) -> str:
    return " ".join("{:.1f},{:.1f}".format(*_place(point, x, y)) for point in points)


def _line(points: Points, x: Axis, y: Axis, kind: str = "line") -> str:
    return f'<polyline class="{kind}" points="{_path(points, x, y)}"/>'


def _area(points: Points, x: Axis, y: Axis) -> str:
    return f'<polygon class="area" points="{_path(points, x, y)}"/>'


def _dot(point: tuple[float, float], x: Axis, y: Axis, kind: str = "dot") -> str:
    across, down = _place(point, x, y)
    return f'<circle class="{kind}" cx="{across:.1f}" cy="{down:.1f}" r="{5 if kind == "here" else 3.5}"/>'


def _whisker(at: float, low: float, high: float, x: Axis, y: Axis) -> str:
    return _line([(at, low), (at, high)], x, y, "whisker")


def _bar(start: float, end: float, count: int, x: Axis, y: Axis) -> str:
    (left, top), (right, bottom) = _place((start, count), x, y), _place((end, 0), x, y)
    return (
        f'<rect class="bar" x="{left + 0.5:.1f}" y="{top:.1f}" '
        f'width="{max(0.5, right - left - 1):.1f}" height="{bottom - top:.1f}"/>'
    )


def _note(point: tuple[float, float], x: Axis, y: Axis, text: str, *, before: bool = False) -> str:
    """A word above a point, to its right or left."""
    across, down = _place(point, x, y)
    return (
        f'<text class="note" x="{across + (-5 if before else 5):.1f}" y="{max(down - 11, _TOP + 10):.1f}" '
        f'text-anchor="{"end" if before else "start"}">{escape(text)}</text>'
    )


def _svg(id: str, title: str, description: str, x: Axis, y: Axis, marks: Sequence[str]) -> Plot:
    frame = []
    for tick in y.ticks:
        left, down = _place((x.ticks[0], tick), x, y)
        frame.append(f'<line class="grid" x1="{left}" x2="{_WIDTH - _RIGHT}" y1="{down:.1f}" y2="{down:.1f}"/>')
        frame.append(f'<text class="tick" x="{left - 8}" y="{down + 4:.1f}" text-anchor="end">{y.name(tick)}</text>')
    for tick in x.ticks:
        across, down = _place((tick, y.ticks[0]), x, y)
        frame.append(
            f'<text class="tick" x="{across:.1f}" y="{down + 18:.1f}" text-anchor="middle">{x.name(tick)}</text>'
        )
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    frame.append(
        f'<text class="label" x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{escape(x.label)}</text>"
    )
    frame.append(
        f'<text class="label" x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">'
        f"{escape(y.label)}</text>"
    )
    svg = Markup(
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="{id}-title {id}-desc">'
        f'<title id="{id}-title">{escape(title)}</title><desc id="{id}-desc">{escape(description)}</desc>'
        f"{''.join(frame)}{''.join(marks)}</svg>"
    )
    return Plot(title, description, svg)
