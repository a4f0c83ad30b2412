"""The HTML report of an evaluation, with every miss: one file that loads nothing from elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

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
    """The points of the plots, from 0 to 1 on both axes; {} if no question of the set can be judged.

    "risk" is (share answered, share wrong among them), the most confident answers first, and "now" its point as it
    answers now. "reliability" is (mean confidence, share right) of each bin.
    """
    if "aurc" not in evaluation.summary:
        return {}
    risks = risk_by_coverage(*evaluation.measured.columns("aurc")).tolist()
    confidence, right = reliability(*evaluation.measured.columns("ece"))
    wrong = evaluation.summary.get("wrong")
    return {
        "risk": [(count / len(risks), risk) for count, risk in enumerate(risks, start=1)],
        "now": [(wrong.n / len(risks), wrong.value) if wrong else (0.0, 0.0)],
        "reliability": list(zip(confidence.tolist(), right.tolist(), strict=True)),
    }


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
