"""An evaluation: a system measured on a question set, by category and beside other systems."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from eval.measures.bootstrap import Difference, Estimate
from eval.measures.measures import PAIRED, Measured, compare, in_table, measure, summarise, summarise_categories
from eval.measures.types import Row, Table
from eval.questions.data import Question
from eval.questions.documents import Documents
from eval.run.tables import differences_table, summary_table, systems_table

Summary = Mapping[str, Estimate]
"""Name of a measure -> estimate."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The results of an evaluation."""

    measured: Measured
    summary: Summary
    categories: Mapping[str, Summary]
    systems: Mapping[str, Summary]
    """Name -> summary of quoth and of the other systems; empty if there are no others."""
    differences: Mapping[str, Difference]
    """Name of another system -> how far quoth is above it, by the measure PAIRED."""

    @classmethod
    def of(
        cls,
        questions: Sequence[Question],
        rows: Iterable[Row],
        documents: Documents,
        others: Mapping[str, Iterable[Row]] | None = None,
    ) -> Self:
        """Measures the rows of quoth and, name -> rows, those of other systems."""
        measured = measure(questions, rows, documents)
        summary = summarise(measured)
        measured_others = {name: measure(questions, own, documents) for name, own in (others or {}).items()}
        systems = {name: summarise(other) for name, other in measured_others.items()}
        differences = {name: compare(measured, other) for name, other in measured_others.items()}
        return cls(
            measured,
            summary,
            summarise_categories(measured),
            {"quoth": summary, **systems} if systems else {},
            {name: difference for name, difference in differences.items() if difference},
        )

    def as_text(self) -> str:
        """The tables."""
        counted = {f"{name} ({max(one.n for one in own.values())})": own for name, own in self.categories.items()}
        tables = [summary_table(self.summary)]
        for systems, table in ((counted, Table.CATEGORIES), (self.systems, Table.SYSTEMS)):
            if systems:
                tables.append(systems_table(systems, in_table(table)))
        if self.differences:
            tables.append(differences_table(self.differences, PAIRED))
        return "\n".join(tables)

    def to_json(self) -> dict[str, Any]:
        """The figures, without the questions."""

        def plain(summary: Summary) -> dict[str, Any]:
            return {name: asdict(estimate) for name, estimate in summary.items()}

        return {
            "summary": plain(self.summary),
            "categories": {name: plain(summary) for name, summary in self.categories.items()},
            "systems": {name: plain(summary) for name, summary in self.systems.items()},
            "differences": {name: {PAIRED: asdict(difference)} for name, difference in self.differences.items()},
        }
