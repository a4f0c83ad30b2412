"""`python -m eval.run.figures README.md --data DIR`: measures every figure that a README states and writes it there."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.measures.measures import MEASURES, in_table
from eval.measures.types import Table
from eval.run.paths import input_path, output_path, write_whole
from index.errors import QuestionSetError
from index.exit_codes import GOOD, NEGATIVE, run_command
from index.sources import decode, read_bytes

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_READERS = ("trained", "similarity")
_SETS = ("squad2", "clapnq", "abgcoqa")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code: that of an evaluation if one fails."""
    return run_command("eval.run.figures", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.run.figures", description=__doc__)
    parser.add_argument("readme", type=output_path)
    parser.add_argument(
        "--data", type=input_path, required=True, metavar="DIR",
        help="holds squad2, clapnq and abgcoqa as question sets and scifact in BEIR's format",
    )  # fmt: skip
    args = parser.parse_args(argv)
    # a file without a place for the figures fails before the long measuring; it is read again afterwards
    _with_figures(args.readme, "")
    figures = _measured(args.data)
    write_whole(args.readme, _with_figures(args.readme, figures))
    return GOOD


def _with_figures(readme: Path, figures: str) -> str:
    """The text of `readme` with `figures` between its marks. Raises SourceError, or QuestionSetError if it has none."""
    text = decode(read_bytes(readme), readme)
    if (text.count(BEGIN), text.count(END)) != (1, 1) or text.index(END) < text.index(BEGIN):
        raise QuestionSetError(
            f"{readme} has not just one place between {BEGIN} and {END}", "Write each of the two once, in this order"
        )
    before, _, rest = text.partition(BEGIN)
    # without blank lines around it, Markdown takes a table for a part of its neighbours
    return f"{before}{BEGIN}\n\n{figures.strip()}\n\n{END}{rest.partition(END)[2]}"


def _measured(data: Path) -> str:
    """All figures as Markdown. One evaluation runs after another, so that each has the machine to itself."""
    sets: dict[str, list[str]] = {"the article": []} | {
        name: ["--documents", str(data / name / "corpus.jsonl"), "--questions", str(data / name / "questions.jsonl")]
        for name in _SETS
    }
    bench = _json("eval.bench", *sets["squad2"])
    trained, similarity = (
        {name: _json("eval.run", "--half", "report", "--reader", reader, *arguments, *more)
         for name, arguments in sets.items()}
        for reader, more in zip(_READERS, (["--baselines"], []), strict=True)
    )  # fmt: skip
    unrelated = _json("eval.run", "--half", "report", *sets["squad2"], "--unrelated-history")["summary"]
    summaries = {name: evaluation["summary"] for name, evaluation in trained.items()}
    compared = in_table(Table.FIGURES)
    systems = [
        [name, system, *(_estimate(summary, measure) for measure in compared)]
        for name, evaluation in trained.items()
        for system, summary in {
            f"`{_READERS[0]}`": evaluation["summary"],
            f"`{_READERS[1]}`": similarity[name]["summary"],
            **{system: own for system, own in evaluation["systems"].items() if system != "quoth"},
        }.items()
    ]
    everything = [
        [f"{name} (lower is better)" if measure.lower_is_better else name,
         *(_estimate(summary, name) for summary in summaries.values())]
        for name, measure in MEASURES.items()
        if not measure.milliseconds
    ]  # fmt: skip
    histories = "".join(
        f" {name}: {by['value']:.3f} ({by['low']:.3f} to {by['high']:.3f}), p = {by['p']:.3f};"
        for name, by in ((name, own["hit@1"]) for name, own in trained["abgcoqa"]["differences"].items())
        if name.startswith("history")
    )
    retrieval = _json("eval.run.beir", str(data / "scifact"))
    ranked = list(retrieval["dense"])
    return "\n".join(
        [
            "Beside simple baselines, on the half of each set, by document, that nothing was tuned on"
            " (`quoth eval --half report --baselines`); quoth's two rows are its readers:\n",
            _table(["", "", *compared], systems),
            "Every measure, with the reader `trained`, on the same halves:\n",
            _table(["", *summaries], everything),
            f"Follow-up questions (abgcoqa): the difference of hit@1 to{histories} squad2 with an unrelated turn before"
            f" each question: hit@1 {_estimate(unrelated, 'hit@1')}.\n",
            "Passage retrieval alone, SciFact, whole abstracts as passages (`python -m eval.run.beir …/scifact`):\n",
            _table(
                ["", *ranked],
                [[name, *(_estimate(own, measure) for measure in ranked)] for name, own in retrieval.items()],
            ),
            "Speed (`python -m eval.bench` over squad2), each a ratio measured in turns within one run:\n",
            _table(
                ["", "measured", "at most", ""],
                [[f["name"], f"{f['value']:.2f}", f"{f['at_most']:.4g}", f["detail"]] for f in bench],
            ),
        ]
    )


def _json(module: str, *arguments: str) -> Any:
    command = [sys.executable, "-m", module, *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    # a bench with a figure over its limit ends so, and that figure is to be written down too
    if done.returncode not in (GOOD, NEGATIVE):
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def _estimate(summary: Mapping[str, Any], measure: str) -> str:
    """The value with its 95% interval, or a dash if the measure does not apply."""
    if measure not in summary:
        return "–"
    return "{value:.3f} ({low:.3f} to {high:.3f})".format(**summary[measure])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
