"""The report of an evaluation: one HTML file that asks nothing of any other place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jinja2

from eval.measures.bootstrap import LEVEL, Difference, Estimate
from eval.measures.confidence import reliability, risk_coverage
from eval.measures.measures import BY_CATEGORY, COMPARED, DEPTHS, LOWER_IS_BETTER, MEASURES, PAIRED, Measured, ranked
from eval.questions.documents import Documents
from eval.run.misses import KINDS, find_misses
from eval.run.plots import Plot, latency_plot, recall_plot, reliability_plot, risk_coverage_plot
from eval.run.table import formatted

GROUPS: Mapping[str, tuple[str, ...]] = {
    "What is shown": ("hit@1", "hit@3", "f1", "f1_shown", "verbatim"),
    "Whether to answer": (
        *("answered_hit@1", "answered", "correct_empty", "wrong"),
        *("auroc", "answered@80", "aurc", "ece"),
    ),
    "What is found": ("recall@1", "recall@5", "recall@10", "mrr"),
    "How long it takes": ("ms_p50", "ms_p95"),
}
"""The measures as the report groups them: every one stands in one group."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report tells."""

    questions: str
    """The name of the question set."""
    reader: str
    edition: str
    documents: Documents
    measured: Measured
    summary: Mapping[str, Estimate]
    categories: Mapping[str, Mapping[str, Estimate]]
    systems: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    """Name -> summary, of this system and of the baselines; empty where these were not asked."""
    differences: Mapping[str, Difference] = field(default_factory=dict)
    """Name of another system -> how far this one's PAIRED is above its."""
    risk: float | None = None
    """The share of wrong answers that was borne, where it was set."""


def render(report: Report) -> str:
    """The report as HTML. Whatever stems from documents, questions and names is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["formatted"] = formatted
    environment.filters["signed"] = lambda value: f"{value:+.3f}".replace("-", "−")
    environment.filters["in_words"] = in_words
    return environment.get_template("report.html.jinja").render(
        report=report,
        groups=GROUPS,
        by_category=BY_CATEGORY,
        compared=COMPARED,
        paired=PAIRED,
        level=LEVEL,
        what=MEASURES,
        lower_is_better=LOWER_IS_BETTER,
        plots=_plots(report),
        kinds=KINDS,
        misses=find_misses(report.measured, report.documents),
    )


def in_words(difference: Difference) -> str:
    """What a difference says to someone who reads no p."""
    if difference.p >= 1 - LEVEL:
        verdict = "cannot be told apart"
    else:
        verdict = "quoth is better" if difference.value > 0 else "quoth is worse"
    return f"{verdict}: chance alone does as much in {difference.p:.1%} of cases"


def _plots(report: Report) -> list[Plot]:
    """The plots for which the set has questions."""
    measured, summary = report.measured, report.summary
    plots = []
    if "aurc" in summary:
        confidence, right, answered = ranked(measured)
        wrong = float((~right[answered]).mean()) if answered.any() else 0.0
        here = (float(answered.mean()), wrong)
        plots.append(risk_coverage_plot(*risk_coverage(confidence, ~right), here, report.risk))
        plots.append(reliability_plot(*reliability(confidence, right), summary["ece"].value))
    if "mrr" in summary:
        intervals = [(depth, summary[f"recall@{depth}"].low, summary[f"recall@{depth}"].high) for depth in DEPTHS]
        plots.append(recall_plot(_recall(measured), intervals))
    if "ms_p50" in summary:
        took = [row["ms"]["total"] for row in measured.rows.values() if row["ms"]]
        plots.append(latency_plot(took, summary["ms_p50"].value, summary["ms_p95"].value))
    return plots


def _recall(measured: Measured) -> list[float]:
    """Recall at 1, 2, … up to the deepest that is measured."""
    reciprocal = [scores.get("mrr") for scores in measured.scores.values()]
    ranks = [round(1 / one) if one else math.inf for one in reciprocal if one is not None]
    return [sum(rank <= depth for rank in ranks) / len(ranks) for depth in range(1, max(DEPTHS) + 1)]
