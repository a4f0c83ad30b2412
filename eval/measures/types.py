"""Types of evaluation: Case, a question with its answer, and Measure, which scores cases."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any

from eval.measures.bootstrap import Statistic, mean
from eval.questions.data import Question
from eval.questions.documents import Documents
from index.types import Span

Row = Mapping[str, Any]
"""One answer, in the shape of rag.row."""
Score = float | tuple[float, ...]
"""A tuple has one value for each column of the measure's statistic."""


class Table(Flag):
    """The tables that show some of the measures. The summary shows all."""

    NONE = 0
    SYSTEMS = auto()
    CATEGORIES = auto()
    FIGURES = auto()
    """The comparison of systems in the figures of a README."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question, the row that answers it (None if there is none), and the documents that both refer to.

    An excerpt or passage *holds gold* if a gold span lies inside it. If gold is not exact,
    because its kind is looser than the answering words, an excerpt inside it holds it too.
    """

    question: Question
    row: Row | None
    documents: Documents

    @property
    def answered(self) -> bool:
        return self.row is not None and self.row["status"] == "answered"

    @property
    def shown(self) -> Sequence[Mapping[str, Any]]:
        """The excerpts shown, best first: the citations or, if the question is unanswered, the closest excerpts.

        So the measures of reading do not depend on whether the system abstains.
        """
        return [] if self.row is None else self.row["citations"] or self.row["closest"]

    @property
    def judged(self) -> bool:
        """Whether the right answer is known: the question has gold, or is unanswerable."""
        return bool(self.question.gold) or not self.question.answerable

    def holds_gold(self, place: Mapping[str, Any]) -> bool:
        """Whether an excerpt or passage {document_id, start, end} holds gold."""
        span = Span(place["start"], place["end"])
        return any(
            place["document_id"] == gold.document_id
            and (span.covers(gold.span) or (not gold.exact and gold.span.covers(span)))
            for gold in self.question.gold
        )

    def is_hit(self, depth: int) -> bool:
        """Whether one of the first `depth` excerpts shown holds gold."""
        return any(self.holds_gold(excerpt) for excerpt in self.shown[:depth])


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure: how it scores a case, how the scores become one value, and which tables show it."""

    name: str
    meaning: str
    score: Callable[[Case], Score | None]
    """None if the measure does not apply to the case."""
    statistic: Statistic = mean
    tables: Table = Table.NONE
    lower_is_better: bool = False
    milliseconds: bool = False
    """Whether the value is in milliseconds. Otherwise it is from 0 to 1."""

    def worse(self, value: float, threshold: float) -> bool:
        return value > threshold if self.lower_is_better else value < threshold

    def formatted(self, value: float) -> str:
        """The value as people read it: milliseconds with one decimal below ten, everything else with three."""
        return f"{value:.3f}" if not self.milliseconds else f"{value:.1f}" if value < 10 else f"{value:.0f}"
