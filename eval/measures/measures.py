"""The registry of measures, and their evaluation: a score for each question and measure, then means and intervals."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from eval.measures import confidence, excerpts, latency, retrieval
from eval.measures.bootstrap import Difference, Estimate, Values, estimate, paired
from eval.measures.types import Case, Measure, Row, Score, Table
from eval.questions.data import Question
from eval.questions.documents import Documents

GROUPS: Mapping[str, tuple[Measure, ...]] = {
    "What is shown": excerpts.MEASURES,
    "Whether to answer": confidence.MEASURES,
    "What is found": retrieval.MEASURES,
    "How long it takes": latency.MEASURES,
}
"""Heading in the report -> its measures, in the order of display."""
MEASURES: Mapping[str, Measure] = {measure.name: measure for group in GROUPS.values() for measure in group}
PAIRED = "hit@1"
"""The measure whose difference between systems is tested."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Questions with their answers, and the scores of each."""

    cases: tuple[Case, ...]
    scores: Mapping[str, Mapping[str, Score]]
    """Question id -> name of a measure -> score, without the measures that do not apply to the question."""

    def columns(self, name: str) -> Values:
        """The scores of a measure, (columns, n), over the n questions that it applies to."""
        scores = (self.scores[case.question.id] for case in self.cases)
        return np.atleast_2d(np.array([score[name] for score in scores if name in score], dtype=np.float64).T)

    def of(self, category: str) -> Self:
        """The questions of one category, with their scores."""
        return replace(self, cases=tuple(case for case in self.cases if case.question.category == category))


def measure(questions: Sequence[Question], rows: Iterable[Row], documents: Documents) -> Measured:
    """Scores every question. A question without a row scores zero. Rows of other questions are ignored."""
    by_id = {row["id"]: row for row in rows}
    cases = tuple(Case(question, by_id.get(question.id), documents) for question in questions)
    scores = {
        case.question.id: {name: score for name, entry in MEASURES.items() if (score := entry.score(case)) is not None}
        for case in cases
    }
    return Measured(cases, scores)


def summarise(measured: Measured) -> dict[str, Estimate]:
    """Name of a measure -> estimate, in the order of MEASURES, without measures that apply to no question."""
    estimates = {name: estimate(entry.statistic, *measured.columns(name)) for name, entry in MEASURES.items()}
    return {name: value for name, value in estimates.items() if value is not None}


def summarise_categories(measured: Measured) -> dict[str, dict[str, Estimate]]:
    """Category -> summary, in the order of first occurrence; empty if no question has a category."""
    categories = dict.fromkeys(case.question.category for case in measured.cases)
    return {category: summarise(measured.of(category)) for category in categories if category is not None}


def compare(measured: Measured, other: Measured) -> Difference | None:
    """The paired difference of two systems in PAIRED; above 0 if `measured` is better. None if it never applies.

    Both have the same questions. PAIRED applies to a question or not, whatever the system, so the columns match.
    """
    return paired(measured.columns(PAIRED)[0] - other.columns(PAIRED)[0])


def in_table(table: Table) -> tuple[str, ...]:
    """The names of the measures that a table shows."""
    return tuple(name for name, entry in MEASURES.items() if table in entry.tables)
