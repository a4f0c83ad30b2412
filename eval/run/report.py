"""The HTML report of an evaluation, with every miss: one file that loads nothing from elsewhere."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from eval.measures.bootstrap import LEVEL, Difference
from eval.measures.confidence import reliability, risk_by_coverage
from eval.measures.measures import GROUPS, MEASURES, PAIRED, Measured, in_table
from eval.measures.retrieval import DEPTHS
from eval.measures.types import Case, Table
from eval.questions.data import Gold
from eval.questions.documents import Documents, sentences_at
from eval.run.evaluation import Evaluation
from index.types import Document, Span
from rag.types import Turn

Pieces = tuple[tuple[str, bool], ...]
"""A text in pieces: (text, whether it is marked)."""

_SHORTEST = 0.001
"""Milliseconds: a logarithmic axis has no zero."""

KINDS: Mapping[str, str] = {
    "Not in the documents, yet answered": "The question is unanswerable and should have been left unanswered.",
    "The wrong place": "It was answered, and none of the excerpts shown holds gold.",
    "Another excerpt came first": "Gold was shown, below an excerpt that does not hold it.",
    "Left unanswered": "The documents answer it. The excerpts shown are the closest, labelled as no answers.",
}
"""Kind of miss -> what it means."""


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
        curves=_curves(evaluation),
        depths=DEPTHS,
        allowed=risk,
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


def _curves(evaluation: Evaluation) -> dict[str, list[tuple[float, float]]]:
    """The points of the plots: name -> (x, y), 0 to 1. Plots for which the set has no questions are absent.

    "risk": (share answered, share wrong among them), the most confident answers first, and "now": its point as it
    answers now. "reliability": (mean confidence, share right) of each bin. "recall": share of questions with gold among
    the passages retrieved, at depths 1 to the last of DEPTHS. "latency": (log10 of milliseconds, share of answers by
    then), "quantiles": its median and 95%, and "powers": (place, power of ten) of its ticks.
    """
    summary, measured = evaluation.summary, evaluation.measured
    curves: dict[str, list[tuple[float, float]]] = {}
    if "aurc" in summary:
        risks, wrong = risk_by_coverage(*measured.columns("aurc")).tolist(), summary.get("wrong")
        curves["risk"] = [(count / len(risks), risk) for count, risk in enumerate(risks, start=1)]
        curves["now"] = [(wrong.n / len(risks), wrong.value) if wrong else (0.0, 0.0)]
        confidence, right = reliability(*measured.columns("ece"))
        curves["reliability"] = list(zip(confidence.tolist(), right.tolist(), strict=True))
    if "mrr" in summary:
        [ranks] = measured.columns("mrr")
        last = max(DEPTHS)
        found = [float(np.mean(ranks > 1 / (depth + 0.5))) for depth in range(1, last + 1)]
        curves["recall"] = [(n / (last - 1), share) for n, share in enumerate(found)]
    if "ms_p50" in summary:
        quantiles = [summary["ms_p50"].value, summary["ms_p95"].value]
        logs, marks = (np.log10(np.maximum(ms, _SHORTEST)) for ms in (measured.columns("ms_p50")[0], quantiles))
        low, high = math.floor(logs.min()), math.floor(logs.max()) + 1
        places, marks = ((np.sort(values) - low) / (high - low) for values in (logs, marks))
        curves["latency"] = [(place, n / len(logs)) for n, place in enumerate(places.tolist(), start=1)]
        curves["quantiles"] = [(place, 1.0) for place in marks.tolist()]
        curves["powers"] = [((power - low) / (high - low), power) for power in range(low, high + 1)]
    return curves


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
