"""The HTML report of an evaluation, with every miss: one file that loads nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray

from eval.measures.bootstrap import LEVEL, Difference
from eval.measures.confidence import reliability, risk_by_coverage
from eval.measures.measures import GROUPS, MEASURES, PAIRED, Measured, in_table
from eval.measures.types import Case, Table
from eval.questions.data import Gold
from eval.questions.documents import Documents, sentences_at
from eval.run.evaluation import Evaluation
from index.types import Document, Span
from rag.types import Turn

Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces: (text, whether it is marked)."""

KINDS: Mapping[str, str] = {
    "Not in the documents, yet answered": "The question is unanswerable and should have been left unanswered.",
    "The wrong place": "It was answered, and none of the excerpts shown holds gold.",
    "Another excerpt came first": "Gold was shown, below an excerpt that does not hold it.",
    "Left unanswered": "The documents answer it. The excerpts shown are the closest, labelled as no answers.",
}
"""Kind of miss -> what it means."""


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
    """A plot, its description in words, and the labels of its axes, both from 0 to 1."""

    id: str
    title: str
    description: str
    x: str
    y: str
    marks: Sequence[Mark]


def render(
    evaluation: Evaluation, documents: Documents, *, title: str, reader: str, edition: str, risk: float | None = None
) -> str:
    """The report as HTML. All text from documents, questions and names is escaped.

    `title` names the question set; `risk` is the share of wrong answers that was allowed, if one was set.
    """
    return template("report.html.jinja", autoescape=True).render(
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
        in_words=in_words,
        misses=find_misses(evaluation.measured),
    )


def template(name: str, *, autoescape: bool) -> jinja2.Template:
    """A template of this folder."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def in_words(difference: Difference) -> str:
    """A difference in words, for readers who do not know p-values."""
    if difference.p >= 1 - LEVEL:
        verdict = "cannot be told apart"
    else:
        verdict = "quoth is better" if difference.value > 0 else "quoth is worse"
    return f"{verdict}: chance alone does as much in {difference.p:.1%} of cases"


def _plots(evaluation: Evaluation, risk: float | None) -> list[Plot]:
    """The plots; none if no question of the set can be judged."""
    measured, summary = evaluation.measured, evaluation.summary
    if "aurc" not in summary:
        return []
    wrong = summary.get("wrong")
    operating_point = (wrong.n / summary["aurc"].n, wrong.value) if wrong else (0.0, 0.0)
    return [
        risk_coverage_plot(risk_by_coverage(*measured.columns("aurc")), operating_point, risk),
        reliability_plot(*reliability(*measured.columns("ece")), summary["ece"].value),
    ]


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


def find_misses(measured: Measured) -> dict[str, list[Case]]:
    """Kind -> its misses, in the order of KINDS and of the questions; without kinds that did not occur."""
    kinds = [(kind_of(case), case) for case in measured.cases]
    misses = {kind: [case for own, case in kinds if own == kind] for kind in KINDS}
    return {kind: cases for kind, cases in misses.items() if cases}


def kind_of(case: Case) -> str | None:
    """The kind of miss, one of KINDS; None if the answer is right, or if it is not known whether it is right."""
    unanswerable, wrong, below, unanswered = KINDS
    if not case.answered:
        return unanswered if case.question.answerable else None
    if not case.question.answerable:
        return unanswerable
    if not case.judged or case.is_hit(1):
        return None
    return below if case.is_hit(len(case.shown)) else wrong


def highlighted(case: Case, excerpt: Mapping[str, Any]) -> Pieces:
    """An excerpt shown, with its highlight marked."""
    document = case.documents.by_row_id[excerpt["document_id"]]
    return _pieces(document, Span(excerpt["start"], excerpt["end"]), Span(*excerpt["highlight"]))


def in_sentences(case: Case, gold: Gold) -> Pieces:
    """The sentences that contain gold, with the gold marked."""
    document = case.documents.by_row_id[gold.document_id]
    return _pieces(document, sentences_at(document, gold.span), gold.span)


def answer_text(turn: Turn, documents: Documents) -> str:
    """The text of an earlier answer; empty if the turn was not answered."""
    places = ((documents.by_row_id[documents.row_id(place.document_id)], place.span) for place in turn.shown)
    return " ".join(document[span] for document, span in places) or turn.answer


def _pieces(document: Document, whole: Span, marked: Span) -> Pieces:
    parts = ((Span(whole.start, marked.start), False), (marked, True), (Span(marked.end, whole.end), False))
    return tuple((document[span], mark) for span, mark in parts if len(span))
