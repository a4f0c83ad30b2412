"""Tables in plain text: estimates with their intervals, and systems side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eval.measures.bootstrap import Difference, Estimate


def formatted(value: float, measure: str) -> str:
    """A value as people read it: milliseconds with one decimal below ten, everything else with three."""
    if measure.startswith("ms_"):
        return f"{value:.1f}" if value < 10 else f"{value:.0f}"
    return f"{value:.3f}"


def summary_table(summary: Mapping[str, Estimate]) -> str:
    """A line a measure: its value, its 95% interval and the number of questions."""
    rows = [["measure", "value", "95% interval", "n"]]
    for name, one in summary.items():
        interval = f"{formatted(one.low, name)} to {formatted(one.high, name)}"
        rows.append([name, formatted(one.value, name), interval, str(one.n)])
    return _aligned(rows)


def systems_table(systems: Mapping[str, Mapping[str, Estimate]], measures: Sequence[str]) -> str:
    """A line a system: the value of each of the measures, or a dash where it has none."""
    rows = [["", *measures]]
    for name, summary in systems.items():
        rows.append([name, *(formatted(summary[one].value, one) if one in summary else "–" for one in measures)])
    return _aligned(rows)


def differences_table(differences: Mapping[str, Difference], measure: str) -> str:
    """A line a system: how far quoth's measure is above it, the 95% interval, and p by the paired bootstrap."""
    rows = [[f"{measure} above", "difference", "95% interval", "p", "n"]]
    for name, one in differences.items():
        interval = f"{one.low:+.3f} to {one.high:+.3f}"
        rows.append([name, f"{one.value:+.3f}", interval, f"{one.p:.3f}", str(one.n)])
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)
