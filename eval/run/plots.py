"""The plots of the report: their marks, with both axes from 0 to 1. report.html.jinja draws them as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Mark:
    """Something drawn on a plot: a line, an area or dots through its points, or a text above its only point."""

    kind: str
    """Its class in the style sheet."""
    points: Sequence[tuple[float, float]]
    text: str = ""
    before: bool = False
    """Whether the text is to the left of the point; otherwise to the right."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot, its description in words, and the labels of its axes."""

    id: str
    title: str
    description: str
    x: str
    y: str
    marks: Sequence[Mark]


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
    x, y = "share of questions answered", "share wrong among them"
    return Plot("risk-coverage", "Risk and coverage", description, x, y, marks)


def reliability_plot(confidence: NDArray[np.float64], right: NDArray[np.float64], error: float) -> Plot:
    """The reliability diagram: mean confidence and share right of each bin, (bins,), each 0 to 1."""
    points = list(zip(confidence.tolist(), right.tolist(), strict=True))
    marks = [Mark("rule", [(0.0, 0.0), (1.0, 1.0)]), Mark("line", points), Mark("dot", points)]
    description = f"In ten bins of equal count, confidence is on average {error:.1%} from the share right."
    return Plot("reliability", "Confidence and truth", description, "confidence", "share right", marks)
