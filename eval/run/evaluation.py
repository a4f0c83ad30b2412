"""An evaluation: a system measured on a question set, by category and beside other systems, and its tables in text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from eval.measures.bootstrap import Difference, Estimate
from eval.measures.measures import (
    MEASURES,
    PAIRED,
    Measured,
    compare,
    in_table,
    measure,
    summarise,
    summarise_categories,
)
from eval.measures.types import Row, Table
from eval.questions.data import Question
from eval.questions.documents import Documents

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
        others: Mapping[str, Iterable[Row]],
    ) -> Self:
        """Measures the rows of quoth and, name -> rows, those of other systems."""
        measured = measure(questions, rows, documents)
        summary = summarise(measured)
        beside = {name: measure(questions, own, documents) for name, own in others.items()}
        systems = {"quoth": summary, **{name: summarise(other) for name, other in beside.items()}} if beside else {}
        differences = {name: by for name, other in beside.items() if (by := compare(measured, other))}
        return cls(measured, summary, summarise_categories(measured), systems, differences)

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


def summary_table(summary: Mapping[str, Estimate]) -> str:
    """A line for each measure: its value, its 95% interval and the number of questions."""
    rows = [["measure", "value", "95% interval", "n"]]
    for name, estimate in summary.items():
        value, low, high = map(MEASURES[name].formatted, (estimate.value, estimate.low, estimate.high))
        rows.append([name, value, f"{low} to {high}", str(estimate.n)])
    return aligned(rows)


def systems_table(systems: Mapping[str, Mapping[str, Estimate]], names: Sequence[str]) -> str:
    """A line for each system: its values of the measures, or a dash for a measure that has none."""
    rows = [["", *names]]
    for system, summary in systems.items():
        cells = (MEASURES[name].formatted(summary[name].value) if name in summary else "–" for name in names)
        rows.append([system, *cells])
    return aligned(rows)


def differences_table(differences: Mapping[str, Difference], name: str) -> str:
    """A line for each system: how far quoth's measure is above it, the 95% interval, and p by the paired bootstrap."""
    rows = [[f"{name} above", "difference", "95% interval", "p", "n"]]
    for system, by in differences.items():
        rows.append([system, f"{by.value:+.3f}", f"{by.low:+.3f} to {by.high:+.3f}", f"{by.p:.3f}", str(by.n)])
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """The rows as lines: the first column aligned to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)
