"""`python -m eval.run.figures README.md --data DIR`: measures everything that the README states and writes it there."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.measures.measures import LOWER_IS_BETTER
from eval.run.paths import input_path, output_path, write_whole
from eval.run.table import formatted
from index.errors import QuestionSetError
from index.exit_codes import GOOD, NEGATIVE, run_command
from index.sources import decode, read_bytes

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_MEASURES = (
    *("hit@1", "hit@3", "f1", "f1_shown", "recall@5", "mrr"),
    *("answered", "correct_empty", "wrong", "auroc", "answered@80", "aurc", "ece", "verbatim"),
)
_SYSTEMS = ("hit@1", "hit@3", "f1", "f1_shown", "auroc", "answered@80")
_READERS = ("trained", "similarity")
_SETS = ("squad2", "clapnq", "abgcoqa")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; gives its exit code, which is that of an evaluation that could not be made."""
    return run_command("eval.run.figures", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.run.figures", description=__doc__)
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
    of_set = {
        name: ["--documents", str(data / name / "corpus.jsonl"), "--questions", str(data / name / "questions.jsonl")]
        for name in _SETS
    }
    bench = _json("eval.bench.inner", *of_set["squad2"])
    asked = {
        name: {
            reader: _json("eval.run.evaluate", "--half", "report", "--reader", reader, *arguments,
                          *(["--baselines"] if reader == _READERS[0] else []))
            for reader in _READERS
        }
        for name, arguments in {"the article": [], **of_set}.items()
    }  # fmt: skip
    unrelated = _json("eval.run.evaluate", "--half", "report", *of_set["squad2"], "--unrelated-history")["summary"]
    own = {name: its[_READERS[0]]["summary"] for name, its in asked.items()}
    return "\n".join(
        [
            "Beside simple ways to pick a sentence, on the half of each set, by document, that nothing was tuned on"
            " (`quoth eval --half report --baselines`); quoth's two rows are its readers:\n",
            _table(
                ["", "", *_SYSTEMS],
                [
                    [name, system, *(_estimate(summary, measure) for measure in _SYSTEMS)]
                    for name, its in asked.items()
                    for system, summary in _systems(its)
                ],
            ),
            "Everything that is measured, with the reader `trained`, on the same halves:\n",
            _table(
                ["", *own],
                [[_named(m), *(_estimate(summary, m) for summary in own.values())] for m in _MEASURES],
            ),
            "Follow-up questions (abgcoqa): the difference of hit@1 to"
            + "".join(
                f" {name}: {one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f}), p = {one['p']:.3f};"
                for name, one in _differences(asked["abgcoqa"][_READERS[0]])
            )
            + f" squad2 with an unrelated turn before each question: hit@1 {_estimate(unrelated, 'hit@1')}.\n",
            "Passage retrieval alone, SciFact, whole abstracts as passages (`python -m eval.run.beir …/scifact`):\n",
            _retrieval(_json("eval.run.beir", str(data / "scifact"))),
            "Speed (`python -m eval.bench.inner` over squad2), each a ratio measured in turns within one run:\n",
            _table(
                ["", "measured", "at most", ""],
                [[f["name"], f"{f['value']:.2f}", f"{f['at_most']:.4g}", f["detail"]] for f in bench],
            ),
        ]
    )


def _systems(by_reader: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name -> summary: the readers', then the simple ones'."""
    for reader in _READERS:
        yield f"`{reader}`", by_reader[reader]["summary"]
    for name, summary in by_reader[_READERS[0]]["systems"].items():
        if name != "quoth":
            yield name, summary


def _differences(asked: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The differences of hit@1 to what else could be done with a history."""
    for name, of in asked["differences"].items():
        if name.startswith("history"):
            yield name, of["hit@1"]


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
