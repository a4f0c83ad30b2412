"""`python -m eval.run.figures README.md --data DIR`: measures every figure that a README states and writes it there."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.measures.measures import MEASURES, in_table
from eval.measures.types import Table
from eval.run.paths import input_path, output_path, write_whole
from eval.run.report import template
from index.errors import QuestionSetError
from index.exit_codes import GOOD, NEGATIVE, run_command
from index.sources.decode import read_utf8

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: that of an evaluation if one fails."""
    return run_command("eval.run.figures", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.run.figures", description=__doc__)
    parser.add_argument("readme", type=output_path)
    parser.add_argument(
        "--data", type=input_path, required=True, metavar="DIR",
        help="holds squad2, clapnq and abgcoqa as question sets and scifact in BEIR's format",
    )  # fmt: skip
    args = parser.parse_args(argv)
    # a file without the marks fails now, before the long measuring; it is read again afterwards
    _with_figures(args.readme, "")
    figures = _measured(args.data)
    write_whole(args.readme, _with_figures(args.readme, figures))
    return GOOD


def _with_figures(readme: Path, figures: str) -> str:
    """The text of `readme` with `figures` between its marks. Raises SourceError, or QuestionSetError if it has none."""
    text = read_utf8(readme)
    if (text.count(BEGIN), text.count(END)) != (1, 1) or text.index(END) < text.index(BEGIN):
        raise QuestionSetError(
            f"{readme} has not just one place between {BEGIN} and {END}", "Write each of the two once, in this order"
        )
    before, _, rest = text.partition(BEGIN)
    # Markdown needs blank lines around a table
    return f"{before}{BEGIN}\n\n{figures.strip()}\n\n{END}{rest.partition(END)[2]}"


def _measured(data: Path) -> str:
    """All figures as Markdown. One evaluation runs after another, so that each has the machine to itself."""
    sets: dict[str, list[str]] = {"the article": []} | {
        name: ["--documents", str(data / name / "corpus.jsonl"), "--questions", str(data / name / "questions.jsonl")]
        for name in ("squad2", "clapnq", "abgcoqa")
    }
    bench = _json("eval.bench", *sets["squad2"])
    evaluate = ("eval.run", "--half", "report", "--reader")
    trained = {name: _json(*evaluate, "trained", *arguments, "--baselines") for name, arguments in sets.items()}
    similarity = {name: _json(*evaluate, "similarity", *arguments) for name, arguments in sets.items()}
    unrelated = _json(*evaluate, "trained", *sets["squad2"], "--unrelated-history")
    return template("figures.md.jinja", autoescape=False).render(
        bench=bench,
        compared=in_table(Table.FIGURES),
        measures=MEASURES,
        retrieval=_json("eval.run.beir", str(data / "scifact")),
        similarity=similarity,
        trained=trained,
        unrelated=unrelated,
    )


def _json(module: str, *arguments: str) -> Any:
    command = [sys.executable, "-m", module, *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    # exit code of a bench with a figure over its limit; that figure is written too
    if done.returncode not in (GOOD, NEGATIVE):
        sys.exit(done.returncode)
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
