"""The HTML report of an evaluation: one file that loads nothing from elsewhere."""

from pathlib import Path

import jinja2
import numpy as np

from eval.measures.bootstrap import LEVEL, Difference
from eval.measures.confidence import reliability, risk_by_coverage
from eval.measures.measures import GROUPS, MEASURES, PAIRED, in_table
from eval.measures.retrieval import DEPTHS
from eval.measures.types import Table
from eval.questions.documents import Documents
from eval.run.evaluation import Evaluation
from eval.run.misses import KINDS, answer_text, find_misses, highlighted, in_sentences
from eval.run.plots import Plot, latency_plot, recall_plot, reliability_plot, risk_coverage_plot


def render(
    evaluation: Evaluation, documents: Documents, *, title: str, reader: str, edition: str, risk: float | None = None
) -> str:
    """The report as HTML. All text from documents, questions and names is escaped.

    `title` names the question set; `risk` is the share of wrong answers that was allowed, if one was set.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["signed"] = lambda value: f"{value:+.3f}".replace("-", "−")
    environment.filters["in_words"] = in_words
    return environment.get_template("report.html.jinja").render(
        evaluation=evaluation,
        documents=documents,
        title=title,
        reader=reader,
        edition=edition,
        groups=GROUPS,
        measures=MEASURES,
        by_category=in_table(Table.CATEGORIES),
        compared=in_table(Table.SYSTEMS),
        paired=PAIRED,
        level=LEVEL,
        plots=_plots(evaluation, risk),
        kinds=KINDS,
        answer_text=answer_text,
        highlighted=highlighted,
        in_sentences=in_sentences,
        misses=find_misses(evaluation.measured),
    )


def in_words(difference: Difference) -> str:
    """A difference in words, for readers who do not know p-values."""
    if difference.p >= 1 - LEVEL:
        verdict = "cannot be told apart"
    else:
        verdict = "quoth is better" if difference.value > 0 else "quoth is worse"
    return f"{verdict}: chance alone does as much in {difference.p:.1%} of cases"


def _plots(evaluation: Evaluation, risk: float | None) -> list[Plot]:
    """The plots for which the set has questions."""
    measured, summary = evaluation.measured, evaluation.summary
    plots = []
    if "aurc" in summary:
        wrong = summary.get("wrong")
        operating_point = (wrong.n / summary["aurc"].n, wrong.value) if wrong else (0.0, 0.0)
        plots.append(risk_coverage_plot(risk_by_coverage(*measured.columns("aurc")), operating_point, risk))
        plots.append(reliability_plot(*reliability(*measured.columns("ece")), summary["ece"].value))
    if "mrr" in summary:
        with np.errstate(divide="ignore"):
            ranks = 1 / measured.columns("mrr")[0]
        recall = [float(np.mean(ranks < depth + 0.5)) for depth in range(1, max(DEPTHS) + 1)]
        plots.append(recall_plot(recall, {depth: summary[f"recall@{depth}"] for depth in DEPTHS}))
    if "ms_p50" in summary:
        milliseconds = measured.columns("ms_p50")[0].tolist()
        plots.append(latency_plot(milliseconds, summary["ms_p50"].value, summary["ms_p95"].value))
    return plots
