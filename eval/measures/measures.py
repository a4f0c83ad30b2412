"""What an evaluation measures: one value a question and measure, and the means and intervals that are a view of them.

A question without a row scores zero; a measure that does not apply to a question has no value there. An excerpt or
passage *holds gold* if a gold span lies inside it; gold of a looser kind than the answering words is also held by
what lies inside the gold. *Shown* are a row's citations or, where it is unanswered, its closest excerpts, so that
reading and abstaining are measured apart.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from eval.measures.bootstrap import (
    Difference,
    Estimate,
    Statistic,
    Values,
    estimate,
    mean,
    paired,
    quantile,
    ratio,
    restricted,
)
from eval.measures.confidence import answered_at, aurc, auroc, ece
from eval.questions.data import Gold, Question
from eval.questions.documents import Documents
from index.types import Span

Row = Mapping[str, Any]
"""One answer, in the shape of rag.row."""
Scores = dict[str, float | None]
"""Measure -> value, or None where it does not apply."""

DEPTHS = (1, 5, 10)
MEASURES: Mapping[str, str] = {
    "hit@1": "share of answerable questions whose first excerpt shown holds gold",
    "hit@3": "share of answerable questions with gold in the first three excerpts shown",
    "answered_hit@1": "share of answerable questions that were answered, by a first citation that holds gold",
    "answered": "share of answerable questions that were answered",
    "correct_empty": "share of unanswerable questions that were left unanswered",
    "wrong": "share of the answered questions whose first citation holds no gold; lower is better",
    "f1": "word F1 of the first highlight shown against the best of the answers",
    "f1_shown": "word F1 of all excerpts shown against all gold",
    "recall@1": "share of answerable questions with gold in the first passage retrieved (Success@1)",
    "recall@5": "share of answerable questions with gold in the first 5 passages retrieved (Success@5)",
    "recall@10": "share of answerable questions with gold in the first 10 passages retrieved (Success@10)",
    "mrr": "mean, over answerable questions, of 1 / rank of the first passage retrieved that holds gold (MRR)",
    "auroc": "chance that an answerable question has more confidence than an unanswerable one",
    "answered@80": "share of answerable questions above the confidence that leaves 80% of the unanswerable unanswered",
    "aurc": "area under the risk–coverage curve of all questions; lower is better",
    "ece": "mean distance of confidence from the share right, in 10 bins of equal count; lower is better",
    "verbatim": "share of all excerpts that are their document's text at their span, highlight inside",
    "ms_p50": "median milliseconds an answer took; lower is better",
    "ms_p95": "milliseconds that 95% of the answers did not exceed; lower is better",
}
"""Every measure, in the order of display, and what it is; higher is better unless said."""
COMPARED = ("hit@1", "hit@3", "f1", "answered_hit@1", "correct_empty", "auroc", "ms_p50")
"""The measures by which systems are set side by side."""
PAIRED = "hit@1"
"""The measure whose difference between systems is tested."""
BY_CATEGORY = ("hit@1", "hit@3", "f1", "answered_hit@1", "correct_empty")
"""Those by which categories are."""
LOWER_IS_BETTER = frozenset({"wrong", "aurc", "ece", "ms_p50", "ms_p95"})
_OF_SETS = {"auroc", "answered@80", "aurc", "ece", "ms_p50", "ms_p95"}


@dataclass(frozen=True, slots=True)
class Measured:
    """Questions, what was answered, and what it scored."""

    questions: tuple[Question, ...]
    rows: Mapping[str, Row]
    """Question id -> row; a question may be missing."""
    scores: Mapping[str, Scores]
    """Question id -> measure -> value. Of the measures of whole sets it holds their parts: "ms" and "right"."""

    def of(self, category: str) -> Measured:
        """The same of one category's questions."""
        chosen = tuple(question for question in self.questions if question.category == category)
        return Measured(chosen, self.rows, self.scores)


def measure(questions: Sequence[Question], rows: Iterable[Row], documents: Documents) -> Measured:
    """Score every question. Rows of other questions are not looked at.

    The recalls and mrr are ir_measures' Success@k and RR: a passage is relevant if it holds gold, and
    a question needs one. (R@k would divide by the number of passages that hold gold, which rows do not tell; where it
    is one they are equal.)
    """
    by_id = {row["id"]: row for row in rows}
    retrieval = _retrieval(questions, by_id)
    scores = {
        question.id: {**_score(question, by_id.get(question.id), documents), **retrieval.get(question.id, {})}
        for question in questions
    }
    return Measured(tuple(questions), by_id, scores)


def summarise(measured: Measured) -> dict[str, Estimate]:
    """Measure -> estimate, in the order of MEASURES; without those that apply to none of the questions."""
    questions, scores = measured.questions, measured.scores

    def values(name: str) -> Values:
        return np.array([scores[question.id].get(name) for question in questions], dtype=np.float64)

    statistics: dict[str, tuple[Statistic, int]] = {}
    for name in MEASURES:
        if name not in _OF_SETS:
            column = values(name)
            statistics[name] = (mean(column), int((~np.isnan(column)).sum()))
    counts = values("excerpts")
    statistics["verbatim"] = (ratio(np.nan_to_num(values("verbatim") * counts), counts), int((counts > 0).sum()))
    took = values("ms")
    for name, fraction in (("ms_p50", 0.5), ("ms_p95", 0.95)):
        statistics[name] = (quantile(took, fraction), int((~np.isnan(took)).sum()))
    statistics |= _confidence_statistics(measured)
    estimates = estimate(statistics, len(questions))
    return {name: estimates[name] for name in MEASURES if name in estimates}


def summarise_categories(measured: Measured) -> dict[str, dict[str, Estimate]]:
    """Category -> summary, in the order in which they are met; empty where questions carry none."""
    categories = dict.fromkeys(question.category for question in measured.questions if question.category is not None)
    return {category: summarise(measured.of(category)) for category in categories}


def compare(measured: Measured, other: Measured, name: str) -> Difference | None:
    """How far a measure is above another system's on the same questions; None where it applies to none."""

    def values(of: Measured) -> Values:
        return np.array([of.scores[question.id].get(name) for question in measured.questions], dtype=np.float64)

    return paired(values(measured), values(other))


def worse(name: str, value: float, threshold: float) -> bool:
    """Whether a measure's value is worse than the threshold."""
    return value > threshold if name in LOWER_IS_BETTER else value < threshold


def shown(row: Row | None) -> Sequence[Mapping[str, Any]]:
    """The excerpts that a row shows, best first."""
    return [] if row is None else row["citations"] or row["closest"]


def holds(place: Mapping[str, Any], gold: Iterable[Gold]) -> bool:
    """Whether an excerpt or passage {document_id, start, end} holds gold."""
    span = Span(place["start"], place["end"])
    return any(
        place["document_id"] == one.document_id and (span.covers(one.span) or (not one.exact and one.span.covers(span)))
        for one in gold
    )


def ranked(measured: Measured) -> tuple[Values, NDArray[np.bool_], NDArray[np.bool_]]:
    """What the risk–coverage curve and the reliability diagram show: (confidence, right, answered), each (n,).

    Right is a question that is answerable and whose first excerpt shown holds gold, answered or not; a missing row is
    wrong, with confidence 1. Questions of which it is not known are left out.
    """
    scores = measured.scores
    known = [question for question in measured.questions if scores[question.id]["right"] is not None]
    rows = [measured.rows.get(question.id) for question in known]
    return (
        np.array([1.0 if row is None else row["confidence"] for row in rows], dtype=np.float64),
        np.array([scores[question.id]["right"] == 1 for question in known], dtype=np.bool_),
        np.array([row is not None and row["status"] == "answered" for row in rows], dtype=np.bool_),
    )


def f1(text: str, gold: str) -> float:
    """Word F1, 0 to 1, after SQuAD's normalisation: lower case, no punctuation, articles or extra space.

    Formula: Rajpurkar et al., "SQuAD", EMNLP 2016; where either is left without words, 1 if both are (SQuAD 2.0).
    Punctuation here is all of Unicode's, not ASCII's alone: articles are printed with ‘ and —.
    """
    found, wanted = Counter(_words(text)), Counter(_words(gold))
    if not found or not wanted:
        return float(found == wanted)
    return 2 * (found & wanted).total() / (found.total() + wanted.total())


def _words(text: str) -> list[str]:
    kept = "".join(c for c in text.lower() if c not in string.punctuation and not category(c).startswith("P"))
    return re.sub(r"\b(a|an|the)\b", " ", kept).split()


def _score(question: Question, row: Row | None, documents: Documents) -> Scores:
    excerpts = shown(row)
    quoted = [] if row is None else [*row["citations"], *row["closest"]]
    answered = row is not None and row["status"] == "answered"
    first = bool(excerpts) and holds(excerpts[0], question.gold)
    right = float(first) if question.gold or not question.answerable else None
    scores: Scores = {
        "right": right,
        "wrong": 1 - right if answered and right is not None else None,
        "ms": None if row is None else row["ms"].get("total"),
        "excerpts": len(quoted),
        "verbatim": sum(_verbatim(one, documents) for one in quoted) / len(quoted) if quoted else None,
    }
    if not question.answerable:
        return scores | {"correct_empty": float(row is not None and not answered)}
    scores["answered"] = float(answered)
    if question.gold:
        golden = _joined(question.gold, documents)
        scores |= {
            "hit@1": float(first),
            "hit@3": float(any(holds(one, question.gold) for one in excerpts[:3])),
            "answered_hit@1": float(answered and first),
            "f1_shown": f1(" ".join(one["text"] for one in excerpts), golden) if excerpts else 0.0,
        }
    answers = question.answers or tuple(documents.by_row_id[one.document_id][one.span] for one in question.gold)
    if answers:
        scores["f1"] = max(f1(_highlight(excerpts[0], documents), one) for one in answers) if excerpts else 0.0
    return scores


def _highlight(excerpt: Mapping[str, Any], documents: Documents) -> str:
    start, end = excerpt["highlight"]
    return documents.by_row_id[excerpt["document_id"]].text[start:end]


def _verbatim(excerpt: Mapping[str, Any], documents: Documents) -> bool:
    text = documents.by_row_id[excerpt["document_id"]].text
    start, end = excerpt["start"], excerpt["end"]
    return bool(
        0 <= start < end <= len(text)
        and text[start:end] == excerpt["text"]
        and start <= excerpt["highlight"][0] < excerpt["highlight"][1] <= end
    )


def _joined(gold: Iterable[Gold], documents: Documents) -> str:
    """The text of all gold, once where spans overlap, in the order of the documents."""
    merged: list[tuple[str, Span]] = []
    for one in sorted(gold, key=lambda one: (one.document_id, one.span)):
        if merged and merged[-1][0] == one.document_id and one.span.start <= merged[-1][1].end:
            last = merged.pop()[1]
            merged.append((one.document_id, Span(last.start, max(last.end, one.span.end))))
        else:
            merged.append((one.document_id, one.span))
    return " ".join(documents.by_row_id[document_id][span] for document_id, span in merged)


def _retrieval(questions: Sequence[Question], rows: Mapping[str, Row]) -> dict[str, Scores]:
    from ir_measures import RR, Qrel, ScoredDoc, Success, iter_calc

    names = {Success @ depth: f"recall@{depth}" for depth in DEPTHS} | {RR: "mrr"}
    qrels, run = [], []
    for question in questions:
        if not question.gold:
            continue
        # Judged whether or not it was retrieved, so that a question without a hit counts as a miss.
        qrels.append(Qrel(question.id, "gold", 1))
        retrieved = rows[question.id]["retrieved"] if question.id in rows else []
        for rank, place in enumerate(retrieved, start=1):
            qrels.append(Qrel(question.id, f"passage {rank}", int(holds(place, question.gold))))
            run.append(ScoredDoc(question.id, f"passage {rank}", 1 / rank))
    scores: dict[str, Scores] = {qrel.query_id: dict.fromkeys(names.values(), 0.0) for qrel in qrels}
    for value in iter_calc(list(names), qrels, run):
        scores[value.query_id][names[value.measure]] = value.value
    return scores


def _confidence_statistics(measured: Measured) -> dict[str, tuple[Statistic, int]]:
    """auroc over all questions, aurc and ece over those of which it is known whether they were right."""
    questions, rows = measured.questions, measured.rows
    answerable = np.array([question.answerable for question in questions])
    # A missing row counts as the confidence that is worst for it: it must never be worth leaving a question out.
    missed = np.where(answerable, -np.inf, np.inf)
    told = np.array([rows[one.id]["confidence"] if one.id in rows else np.nan for one in questions], dtype=np.float64)
    told = np.where(np.isnan(told), missed, told)
    known = np.array([measured.scores[question.id]["right"] is not None for question in questions])
    confidence, right, _ = ranked(measured)
    n = int(known.sum())
    return {
        "auroc": (auroc(told, answerable), len(questions)),
        "answered@80": (answered_at(told, answerable, 0.8), len(questions)),
        "aurc": (restricted(aurc(confidence, ~right), known), n),
        "ece": (restricted(ece(confidence, right), known), n),
    }
