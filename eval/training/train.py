"""`python -m eval.training.train`: makes examples of question sets, and trains the reader, or its teacher, on them."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import torch

from eval.training.cache import BASE, Cache, read_cache
from eval.training.heldout import HeldOut, measure
from eval.training.loop import LOG, Training, fastest_dtype, train
from eval.training.objective import Weighing
from eval.training.teacher import Taught, teach, untrained_teacher
from index.errors import ModelError, QuothError, SettingsError
from rag.readers.model import ReaderModel, load_reader_model, read_about, save_mean, save_reader, untrained

WEIGHTS = "reader.safetensors"
TAUGHT = "taught.safetensors"
TABLE = "table.json"
_DIFFERENT, _FAILED = 1, 3
_ROUNDED = 0.01


def main(argv: Sequence[str] | None = None) -> int:
    """0; 1 where a check fails, or 3 where something cannot be read or written."""
    args = _parser().parse_args(argv)
    try:
        if args.data:
            _prepare(args)
        if args.out and args.mean:
            _average(args)
        elif args.out:
            _train(args)
        return _check(args) if args.check else 0
    except QuothError as error:
        sys.stderr.write(f"eval.training.train: {error}\n")
        return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval.training.train",
        description="With --data, makes examples of question sets. With --out, trains on them. With both, one after "
        "the other. A run that was stopped is resumed by the same command. A teacher is trained with --trunk.",
    )
    parser.add_argument("--cache", type=Path, default=Path("reader-cache"), metavar="DIR",
                        help="where the examples are (default %(default)s)")  # fmt: skip
    made = parser.add_argument_group("making examples")
    made.add_argument("--data", type=Path, nargs="+", metavar="DIR", help="folders that each hold a question set")
    made.add_argument("--limit", type=int, metavar="N", help="questions of a set, at most (default all)")
    made.add_argument("--held", type=float, default=0.1, metavar="SHARE",
                      help="documents of a set kept aside to measure on (default %(default)s)")  # fmt: skip
    made.add_argument("--held-limit", type=int, default=300, metavar="N",
                      help="questions of a set to measure on, at most (default %(default)s)")  # fmt: skip
    run = parser.add_argument_group("training")
    run.add_argument("--out", type=Path, metavar="DIR", help="where weights, checkpoint, log and table go")
    budget = run.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, default=60.0, metavar="N", help="to train (default %(default)s)")
    budget.add_argument("--steps", type=int, metavar="N", help="to train, whatever time they take")
    run.add_argument("--batch", type=int, default=32, metavar="N", help="pairs (default %(default)s)")
    run.add_argument("--rate", type=float, default=1.5e-4, help="the highest learning rate (default %(default)s)")
    run.add_argument("--length", type=int, default=320, metavar="N",
                     help="word pieces of a pair (default %(default)s)")  # fmt: skip
    run.add_argument("--negatives", type=int, default=1, metavar="N",
                     help="retrieved passages beside a question (default %(default)s)")  # fmt: skip
    run.add_argument("--without", nargs="+", default=[], metavar="SET", help="question sets to leave out")
    run.add_argument("--start", type=Path, metavar="FILE", help="weights to go on from, instead of the base's")
    run.add_argument("--mean", type=Path, nargs="+", metavar="FILE",
                     help="do not train, but write the mean of these weights, the stages of one training")  # fmt: skip
    run.add_argument("--evidence", type=float, default=1.0, metavar="WEIGHT",
                     help="of the sentence head's loss (default %(default)s)")  # fmt: skip
    run.add_argument("--listwise", type=float, default=1.0, metavar="WEIGHT",
                     help="of its loss over all passages of a question (default %(default)s)")  # fmt: skip
    run.add_argument("--teacher", type=Path, metavar="FILE", help=f"learn from the scores in a teacher's {TAUGHT}")
    run.add_argument("--soft", type=float, default=0.7, metavar="SHARE",
                     help="of the loss that the teacher has (default %(default)s)")  # fmt: skip
    run.add_argument("--temperature", type=float, default=2.0, help="of the teacher's scores (default %(default)s)")
    run.add_argument("--trunk", type=Path, metavar="DIR",
                     help=f"train a teacher instead, over the MPNet in this folder, and write {TAUGHT}")  # fmt: skip
    run.add_argument("--measured", type=int, default=4, metavar="N",
                     help="tables over the run (default %(default)s)")  # fmt: skip
    run.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="default %(default)s")
    parser.add_argument("--check", type=Path, metavar="FILE",
                        help=f"measure these weights again, and compare with the {TABLE} beside them")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _prepare(args: argparse.Namespace) -> None:
    # search and its libraries are needed here alone: where there is a GPU they may be missing
    from eval.training.examples import Making
    from eval.training.prepare import prepare
    from index.encoders.encoder import load_encoder

    making = Making(seed=args.seed, limit=args.limit, held_limit=args.held_limit)
    prepare(args.data, args.cache, load_encoder(), making, args.held, _say)


def _train(args: argparse.Namespace) -> None:
    cache = read_cache(args.cache)
    unknown = set(args.without) - set(cache.names)
    if unknown:
        raise SettingsError(f"there is no set {', '.join(sorted(unknown))}", f"Choose of {', '.join(cache.names)}")
    device, base = torch.device(args.device), args.cache / BASE
    training = Training(
        minutes=None if args.steps else args.minutes,
        steps=args.steps,
        batch=args.batch,
        rate=args.rate,
        length=args.length,
        negatives=args.negatives,
        without=tuple(sorted(args.without)),
        seed=args.seed,
        start=hashlib.sha256(args.start.read_bytes()).hexdigest() if args.start else None,
        weighing=Weighing(args.evidence, args.listwise, args.soft if args.teacher else 0.0, args.temperature),
    )
    taught = Taught.read(args.teacher, cache) if args.teacher else None
    if args.trunk:
        model = untrained_teacher(args.trunk, base, device, args.seed)
    else:
        model = untrained(device, args.seed, base, args.start)
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / LOG).open("a", encoding="utf-8") as stream:
        train(
            model, cache, args.out, training, device=device, taught=taught, measured=args.measured,
            log=lambda entry: _log(entry, stream),
        )  # fmt: skip
    _write_table(_measured(model, cache, device), args.out)
    if args.trunk:
        teach(model, cache, args.out / TAUGHT, args.length, device, fastest_dtype(device))
    else:
        about = {"training": asdict(training), "examples": cache.checksum, "sets": cache.names}
        save_reader(model, args.out / WEIGHTS, about)


def _average(args: argparse.Namespace) -> None:
    args.out.mkdir(parents=True, exist_ok=True)
    save_mean(args.mean, args.out / WEIGHTS)
    cpu = torch.device("cpu")
    _write_table(_measured(load_reader_model(args.out / WEIGHTS), read_cache(args.cache), cpu), args.out)


def _measured(model: ReaderModel, cache: Cache, device: torch.device) -> list[HeldOut]:
    """In full precision, so that it can be measured again on a machine that has another."""
    table = measure(model, cache, device, torch.float32)
    _say(_as_text(table))
    return table


def _write_table(table: Sequence[HeldOut], folder: Path) -> None:
    (folder / TABLE).write_text(json.dumps([asdict(row) for row in table], indent=2) + "\n", encoding="utf-8")


def _check(args: argparse.Namespace) -> int:
    """Whether weights give the figures that are written down beside them, to a hundredth: machines round unlike."""
    cache, file = read_cache(args.cache), args.check.with_name(TABLE)
    if read_about(args.check).get("examples") != cache.checksum:
        # where another processor embeds, a passage or two are found in another order
        _say(f"{args.cache} is not quite what {args.check} was measured on: it was made otherwise, or elsewhere")
    table = _measured(load_reader_model(args.check), cache, torch.device("cpu"))
    try:
        expected = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: no figures can be read there: {error}", "Put the table of the run there") from error
    found = [asdict(row) for row in table]
    same = len(found) == len(expected) and all(map(_close, found, expected))
    _say(f"{args.check}: {'as' if same else 'not as'} written in {file}")
    return 0 if same else _DIFFERENT


def _close(found: Mapping[str, object], expected: Mapping[str, object]) -> bool:
    return found.keys() == expected.keys() and all(
        abs(value - other) <= _ROUNDED
        if isinstance(value, float) and isinstance(other := expected[name], float)
        else value == expected[name]
        for name, value in found.items()
    )


def _log(entry: Mapping[str, object], stream: TextIO) -> None:
    stream.write(json.dumps(entry) + "\n")
    stream.flush()
    table = entry.get("table")
    if isinstance(table, list):
        _say(_as_text([HeldOut(**row) for row in table]))
    else:
        _say("  ".join(f"{name} {value:.4g}" for name, value in entry.items() if isinstance(value, int | float)))


def _as_text(table: Sequence[HeldOut]) -> str:
    lines = [f"{'held aside':16}{'asked':>8}{'hit@1':>8}{'hit@3':>8}{'span F1':>8}{'AUROC':>8}{'of passage':>12}"]
    for row in table:
        values = (row.hit_1, row.hit_3, row.span_f1, row.auroc, row.passage_auroc)
        shown = ["–" if value is None else f"{value:.3f}" for value in values]
        lines.append(
            f"{row.name:16}{row.questions:8}" + "".join(f"{one:>8}" for one in shown[:-1]) + f"{shown[-1]:>12}"
        )
    return "\n".join(lines)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
