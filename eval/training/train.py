"""`python -m eval.training.train`: makes training examples, trains the reader, averages and checks weights."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from eval.training.checkpoint import initial_model, save_mean, save_reader
from eval.training.evaluate_heldout import Figures, evaluate_heldout
from eval.training.examples import BASE, Examples, read_examples
from eval.training.loop import Training, train
from index.errors import ModelError, SettingsError
from index.exit_codes import GOOD, NEGATIVE, run_command
from index.files import sha256_of
from rag.readers.model import read_about

WEIGHTS, CHECKPOINT, TABLE, LOG = "reader.safetensors", "checkpoint.pt", "table.json", "log.jsonl"
_TOLERANCE = 0.01
"""The tolerance for figures compared with the table, because machines round differently."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: NEGATIVE if --check finds other figures."""
    args = _parser().parse_args(argv)
    return run_command("eval.training.train", lambda: _run(args))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval.training.train",
        description="Makes training examples from question sets (--data) and trains the reader on them (--out). "
        "Repeat the command of a run that was stopped to resume it.",
    )
    option = parser.add_argument
    option("--examples", type=Path, default=Path("reader-examples"), metavar="DIR",
           help="the folder of the examples (default %(default)s)")  # fmt: skip
    option("--seed", type=int, default=0, help="the seed of every random choice (default %(default)s)")
    option("--check", type=Path, metavar="FILE", help=f"evaluate these weights and compare with the {TABLE} beside")
    option = parser.add_argument_group("making examples").add_argument
    option("--data", type=Path, nargs="+", metavar="DIR", help="question sets, with corpus.jsonl and questions.jsonl")
    option("--limit", type=int, metavar="N", help="the most questions of a set to train on (default all)")
    option("--held", type=float, default=0.1, metavar="SHARE",
           help="the share of a set's documents to hold out for evaluation (default %(default)s)")  # fmt: skip
    option("--held-limit", type=int, default=300, metavar="N",
           help="the most questions of a set to evaluate on (default %(default)s)")  # fmt: skip
    group = parser.add_argument_group("training")
    option = group.add_argument
    option("--out", type=Path, metavar="DIR", help="the folder for weights, checkpoint, log and table")
    option("--start", type=Path, metavar="FILE", help="weights to start from (default the base model)")
    option("--mean", type=Path, nargs="+", metavar="FILE", help="instead of training, write the mean of these weights")
    option("--without", nargs="+", default=[], metavar="SET", help="question sets to leave out")
    option("--batch", type=int, default=32, metavar="N", help="the most pairs of a batch (default %(default)s)")
    option("--rate", type=float, default=1.5e-4, help="the highest learning rate (default %(default)s)")
    option("--negatives", type=int, default=1, metavar="N",
           help="the most retrieved passages of a question in an epoch (default %(default)s)")  # fmt: skip
    option = group.add_mutually_exclusive_group().add_argument
    option("--minutes", type=float, default=60.0, metavar="N", help="train for this long (default %(default)s)")
    option("--steps", type=int, metavar="N", help="train for this many steps instead")
    return parser


def _run(args: argparse.Namespace) -> int:
    if args.data:
        # imported here, because a machine that only trains may lack what search needs
        from eval.training.make_examples import make_examples
        from index.encoders.load import load_encoder

        make_examples(
            args.data, args.examples, load_encoder(),
            held=args.held, held_limit=args.held_limit, limit=args.limit, seed=args.seed, say=_say,
        )  # fmt: skip
    if not args.out and not args.check:
        return GOOD
    examples, device = read_examples(args.examples), torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        if args.mean:
            save_mean(args.mean, args.out / WEIGHTS)
        else:
            _train(args, examples, device)
        table = _evaluated(args.out / WEIGHTS, args.examples / BASE, examples, device)
        (args.out / TABLE).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    return _check(args.check, args.examples / BASE, examples, device) if args.check else GOOD


def _train(args: argparse.Namespace, examples: Examples, device: torch.device) -> None:
    if unknown := set(args.without) - set(examples.names):
        raise SettingsError(
            f"--without names {', '.join(sorted(unknown))}, but the examples are of {', '.join(examples.names)}",
            "Name some of these",
        )
    training = Training(
        minutes=None if args.steps else args.minutes,
        steps=args.steps,
        batch=args.batch,
        rate=args.rate,
        negatives=args.negatives,
        without=tuple(sorted(args.without)),
        seed=args.seed,
        start=sha256_of(args.start) if args.start else None,
    )
    model = initial_model(args.examples / BASE, device, seed=args.seed, start=args.start)
    with (args.out / LOG).open("a", encoding="utf-8", buffering=1) as stream:

        def log(entry: Mapping[str, object]) -> None:
            stream.write(json.dumps(entry) + "\n")
            _say(_line(entry))

        train(model, examples, args.out / CHECKPOINT, training, device=device, log=log)
    about = {"training": asdict(training), "examples": examples.checksum, "sets": examples.names}
    save_reader(model, args.out / WEIGHTS, about)


def _evaluated(weights: Path, base: Path, examples: Examples, device: torch.device) -> list[Figures]:
    """The figures of `weights`, in full precision so that another machine finds the same."""
    table = evaluate_heldout(initial_model(base, device, start=weights), examples, device, torch.float32)
    for row in table:
        _say(_line(row))
    return table


def _check(weights: Path, base: Path, examples: Examples, device: torch.device) -> int:
    """Whether `weights` give the figures in the table beside them."""
    file = weights.with_name(TABLE)
    if read_about(weights).get("examples") != examples.checksum:
        # a processor that rounds differently may retrieve a few other passages
        _say(f"The examples are not quite those of {weights}: they were made with other options or on another machine.")
    table = _evaluated(weights, base, examples, device)
    try:
        expected = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: no figures can be read there: {error}", "Put the table of the run there") from error
    same = len(table) == len(expected) and all(map(_close, table, expected))
    _say(f"{weights}: the figures are {'' if same else 'not '}those of {file}")
    return GOOD if same else NEGATIVE


def _close(row: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Whether two rows of a table have the same figures, up to the tolerance."""
    pairs = [(value, expected.get(name)) for name, value in row.items()]
    return row.keys() == expected.keys() and all(
        a == b or (isinstance(a, float) and isinstance(b, float) and abs(a - b) <= _TOLERANCE) for a, b in pairs
    )


def _line(figures: Mapping[str, object]) -> str:
    shown = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in figures.items()}
    return "  ".join(f"{name} {value}" for name, value in shown.items())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
