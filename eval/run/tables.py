"""Tables in plain text: estimates with their intervals, and systems side by side."""

from collections.abc import Mapping, Sequence

from eval.measures.bootstrap import Difference, Estimate
from eval.measures.measures import MEASURES


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
