"""`quoth eval`: asks a question set of documents and says how well it was answered, in rows, a table and a report."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.bootstrap import Estimate
from eval.data import Question, read_questions
from eval.documents import Documents, read_documents
from eval.measures import BY_CATEGORY, COMPARED, MEASURES, measure, summarise, summarise_categories, worse
from eval.progress import progress
from eval.table import formatted, summary_table, systems_table
from index.errors import QuestionError, QuothError
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.answer import Answerer

SEEDS = Path(__file__).parent.parent / "seeds"
ARTICLE_QUESTIONS = Path(__file__).parent / "questions" / "article.jsonl"

GOOD, FELL_SHORT, UNREADABLE = 0, 1, 3
"""Exit codes; argparse leaves with 2."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--documents", type=Path, nargs="+", metavar="PATH",
        help="files, folders or a corpus.jsonl to ask; without it, the article that comes along",
    )  # fmt: skip
    parser.add_argument(
        "--questions", type=Path, metavar="FILE.jsonl", help="the question set; without it, the article's own"
    )
    parser.add_argument("--half", choices=("tune", "report"), help="ask only the questions of this half of the set")
    parser.add_argument("--rows", type=_output, metavar="OUT.jsonl", help="write every answer here, a line each")
    parser.add_argument("--report", type=_output, metavar="OUT.html", help="write a report with every miss here")
    parser.add_argument("--reader", metavar="NAME", help="the reader that picks the excerpts")
    parser.add_argument(
        "--baselines",
        action="store_true",
        help="ask simple baselines too; done in any case where --documents is not given",
    )
    parser.add_argument(
        "--fail-under", type=_threshold, action="append", default=[], metavar="MEASURE=VALUE",
        help="exit 1 if the measure is worse than this: below it or, where lower is better, above it; may be repeated",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="write the summary as JSON instead of tables")


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Gives 0, or 1 where a --fail-under fell short, or 3 where documents or questions cannot be read.

    A wrong usage leaves by SystemExit(2), as argparse does.
    """
    parser = argparse.ArgumentParser(
        prog="quoth eval", description="Measures how well a question set is answered, with 95%% intervals."
    )
    add_arguments(parser)
    args = parser.parse_args(argv)
    if args.documents and not args.questions:
        parser.error("--documents needs --questions: the article's questions are not about other documents")
    return run(args)


def run(args: argparse.Namespace) -> int:
    """Evaluates what `args` asks for; see main for the exit codes."""
    try:
        settings = Settings.read(os.environ, {"reader": args.reader})
        documents = read_documents(args.documents or [SEEDS], language=settings.language)
        questions = read_questions(args.questions or ARTICLE_QUESTIONS, documents, args.half)
        return _evaluate(args, settings, documents, questions)
    except QuothError as error:
        sys.stderr.write(f"quoth eval: {error}\n")
        return UNREADABLE


def _evaluate(args: argparse.Namespace, settings: Settings, documents: Documents, questions: Sequence[Question]) -> int:
    from eval.baselines import baseline_rows
    from index.corpus import Corpus, publish
    from index.encoder import load_encoder
    from rag.answer import build_answerer

    with tempfile.TemporaryDirectory(prefix="quoth-eval-") as folder:
        settings = replace(settings, corpus=Path(folder))
        encoder = load_encoder(settings.encoder)
        publish(
            settings.corpus,
            documents.all,
            encoder,
            language=settings.language,
            passage_tokens=settings.passage_tokens,
            progress=progress("Indexing"),
        )
        corpus = Corpus.open(settings.corpus, encoder)
        try:
            rows = ask(build_answerer(corpus, encoder, settings), questions, documents)
            others = {}
            if args.baselines or not args.documents:
                others = baseline_rows(corpus, encoder, questions, documents)
        finally:
            corpus.close()
    measured = measure(questions, rows, documents)
    summary, categories = summarise(measured), summarise_categories(measured)
    systems = {"quoth": summary} if others else {}
    systems |= {name: summarise(measure(questions, its, documents)) for name, its in others.items()}
    if args.rows:
        write_whole(args.rows, "".join(f"{json.dumps(row, ensure_ascii=False, allow_nan=False)}\n" for row in rows))
    if args.report:
        from eval.report import Report, render

        name = (args.questions or ARTICLE_QUESTIONS).stem + (f", {args.half} half" if args.half else "")
        report = Report(name, settings.reader, corpus.edition, documents, measured, summary, categories, systems)
        write_whole(args.report, render(report))
    sys.stdout.write(_as_json(summary, categories, systems) if args.json else _as_text(summary, categories, systems))
    return _fell_short(summary, args.fail_under)


def ask(answerer: Answerer, questions: Sequence[Question], documents: Documents) -> list[dict[str, Any]]:
    """The row of every question, in their order. One that cannot be asked is unanswered; its row says why."""
    from rag.row import refused_row_of, row_of

    say = progress("Asking")
    rows = []
    for number, question in enumerate(questions, start=1):
        try:
            row = row_of(answerer.ask(question.text, question.history), id=question.id, document_id=documents.row_id)
        except QuestionError as error:
            row = refused_row_of(error, id=question.id, edition=answerer.corpus.edition)
        rows.append(row)
        say(number, len(questions))
    return rows


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that it is there whole or, at whatever instant it is stopped, as it was before."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", newline="")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _as_text(
    summary: Mapping[str, Estimate],
    categories: Mapping[str, Mapping[str, Estimate]],
    systems: Mapping[str, Mapping[str, Estimate]],
) -> str:
    counted = {f"{name} ({max(one.n for one in its.values())})": its for name, its in categories.items()}
    tables = [summary_table(summary)]
    tables += [systems_table(its, columns) for its, columns in ((counted, BY_CATEGORY), (systems, COMPARED)) if its]
    return "\n".join(tables)


def _as_json(
    summary: Mapping[str, Estimate],
    categories: Mapping[str, Mapping[str, Estimate]],
    systems: Mapping[str, Mapping[str, Estimate]],
) -> str:
    def plain(one: Mapping[str, Estimate]) -> dict[str, Any]:
        return {name: asdict(estimate) for name, estimate in one.items()}

    values = {
        "summary": plain(summary),
        "categories": {name: plain(one) for name, one in categories.items()},
        "systems": {name: plain(one) for name, one in systems.items()},
    }
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _fell_short(summary: Mapping[str, Estimate], thresholds: Iterable[tuple[str, float]]) -> int:
    code = GOOD
    for name, threshold in thresholds:
        if name not in summary:
            sys.stderr.write(f"quoth eval: {name} has no value: it applies to none of the questions\n")
        elif worse(name, summary[name].value, threshold):
            value = formatted(summary[name].value, name)
            sys.stderr.write(f"quoth eval: {name} is {value}, worse than {threshold:g}\n")
        else:
            continue
        code = FELL_SHORT
    return code


def _threshold(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not MEASURE=VALUE, such as hit@1=0.8")
    if name not in MEASURES:
        raise argparse.ArgumentTypeError(f"there is no measure {name!r}; choose one of {', '.join(MEASURES)}")
    try:
        threshold = float(value)
    except ValueError:
        threshold = math.nan
    if not math.isfinite(threshold):
        raise argparse.ArgumentTypeError(f"the value of {name} is {value!r}, which is not a number")
    return name, threshold


def _output(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written: name a file in a folder that exists")
    return path


if __name__ == "__main__":
    sys.exit(main())
