"""`python -m eval.figures README.md --data DIR`: measures everything that the README states and writes it there."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.measures import LOWER_IS_BETTER
from eval.paths import input_path, output_path, write_whole
from eval.table import formatted
from index.errors import QuestionSetError
from index.sources import decode, read_bytes
from rag.command import GOOD, NEGATIVE, run_command

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_MEASURES = (
    *("hit@1", "hit@3", "f1", "recall@5", "mrr"),
    *("answered", "correct_empty", "auroc", "aurc", "ece", "verbatim"),
)
_SYSTEMS = ("hit@1", "hit@3", "f1", "auroc")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; gives its exit code, which is that of an evaluation that could not be made."""
    return run_command("eval.figures", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.figures", description=__doc__)
    parser.add_argument("readme", type=output_path)
    parser.add_argument(
        "--data", type=input_path, required=True, metavar="DIR",
        help="holds squad2, clapnq and abgcoqa as question sets and scifact in BEIR's shape",
    )  # fmt: skip
    args = parser.parse_args(argv)
    # now, so that nothing is measured in vain, and again afterwards, since that takes long
    _with_figures(args.readme, "")
    figures = _measured(args.data)
    write_whole(args.readme, _with_figures(args.readme, figures))
    return GOOD


def _with_figures(readme: Path, figures: str) -> str:
    """The text of `readme` with `figures` in their place. Raises SourceError, or QuestionSetError without one place."""
    text = decode(read_bytes(readme), readme)
    if (text.count(BEGIN), text.count(END)) != (1, 1) or text.index(END) < text.index(BEGIN):
        raise QuestionSetError(
            f"{readme} has not just one place between {BEGIN} and {END}", "Write each of the two once, in this order"
        )
    before, _, rest = text.partition(BEGIN)
    # without blank lines around it Markdown takes a table for a part of what it stands beside
    return f"{before}{BEGIN}\n\n{figures.strip()}\n\n{END}{rest.partition(END)[2]}"


def _measured(data: Path) -> str:
    # not together: each is to have the machine for itself
    squad = [
        "--documents",
        str(data / "squad2" / "corpus.jsonl"),
        "--questions",
        str(data / "squad2" / "questions.jsonl"),
    ]
    bench = _json("eval.bench", *squad)
    article = _json("eval.run", "--half", "report")
    sets = {
        name: _json("eval.run", "--documents", str(data / name / "corpus.jsonl"),
                    "--questions", str(data / name / "questions.jsonl"))["summary"]
        for name in ("squad2", "clapnq", "abgcoqa")
    }  # fmt: skip
    return "\n".join(
        [
            "The article's own questions, the half that nothing was tuned on, with the reader `similarity`"
            " (`quoth eval --half report`), against simple ways to pick a sentence:\n",
            _table(
                ["", *_SYSTEMS],
                [[name, *(_estimate(its, m) for m in _SYSTEMS)] for name, its in article["systems"].items()],
            ),
            "Question sets, each over all its documents at once (`quoth eval --documents … --questions …`):\n",
            _table(
                ["", "the article", *sets],
                [
                    [
                        _named(measure),
                        *(_estimate(summary, measure) for summary in (article["summary"], *sets.values())),
                    ]
                    for measure in _MEASURES
                ],
            ),
            "Passage retrieval alone, SciFact, whole abstracts as passages (`python -m eval.beir …/scifact`):\n",
            _retrieval(_json("eval.beir", str(data / "scifact"))),
            "Speed (`python -m eval.bench` over squad2), each a ratio measured in turns within one run:\n",
            _table(
                ["", "measured", "at most", ""],
                [[f["name"], f"{f['value']:.2f}", f"{f['at_most']:g}", f["detail"]] for f in bench],
            ),
        ]
    )


def _json(module: str, *arguments: str) -> Any:
    command = [sys.executable, "-m", module, *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    # bench leaves so where a figure is over what it may be: that is to be written down too
    if done.returncode not in (GOOD, NEGATIVE):
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def _named(measure: str) -> str:
    return f"{measure} (lower is better)" if measure in LOWER_IS_BETTER else measure


def _retrieval(systems: Mapping[str, Mapping[str, Any]]) -> str:
    measures = list(systems["dense"])
    return _table(["", *measures], [[name, *(_estimate(its, m) for m in measures)] for name, its in systems.items()])


def _estimate(summary: Mapping[str, Any], measure: str) -> str:
    """The value with its 95% interval, or a dash where the measure does not apply."""
    if measure not in summary:
        return "–"
    one = summary[measure]
    value, low, high = (formatted(one[key], measure) for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
