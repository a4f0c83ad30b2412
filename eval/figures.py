"""`python -m eval.figures README.md --data DIR`: measures everything that the README states and writes it there."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.run import write_whole
from eval.table import formatted

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_MEASURES = ("hit@1", "hit@3", "f1", "recall@5", "mrr", "answered", "correct_empty", "auroc", "verbatim")
_SYSTEMS = ("hit@1", "hit@3", "f1", "auroc")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.figures", description=__doc__)
    parser.add_argument("readme", type=Path)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR",
        help="holds squad2, clapnq and abgcoqa as question sets and scifact in BEIR's shape",
    )  # fmt: skip
    args = parser.parse_args(argv)
    before, _, rest = args.readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        parser.error(f"{args.readme} has no place between {BEGIN} and {END}")
    write_whole(args.readme, f"{before}{BEGIN}\n{_measured(args.data)}{END}{after}")
    return 0


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
                    [measure, *(_estimate(summary, measure) for summary in (article["summary"], *sets.values()))]
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
    # bench leaves with 1 where a figure is over what it may be: that is to be written down too
    if done.returncode not in (0, 1):
        sys.exit(done.returncode)
    return json.loads(done.stdout)


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
