"""`quoth eval`: asks a question set of documents and says how well it was answered, in rows, a table and a report."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.measures.bootstrap import Difference, Estimate
from eval.measures.measures import (
    BY_CATEGORY,
    COMPARED,
    MEASURES,
    PAIRED,
    compare,
    measure,
    summarise,
    summarise_categories,
    worse,
)
from eval.questions.data import HALVES, Question, read_questions
from eval.questions.documents import Documents, read_documents
from eval.questions.history import history_rows, with_unrelated_history
from eval.run.asking import ask, opened
from eval.run.paths import input_path, output_path, overwritten, write_whole
from eval.run.table import differences_table, formatted, summary_table, systems_table
from index.exit_codes import GOOD, NEGATIVE, print_json, run_command
from index.sources import SEEDS
from rag.settings import Settings

ARTICLE_QUESTIONS = Path(__file__).parent.parent / "questions" / "article.jsonl"

_SETTINGS = ("reader", "calibration", "reranker", "risk")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--documents", type=input_path, nargs="+", metavar="PATH",
        help="files, folders or a corpus.jsonl to ask; without it, the article that comes along",
    )  # fmt: skip
    parser.add_argument(
        "--questions", type=input_path, metavar="FILE.jsonl", help="the question set; without it, the article's own"
    )
    parser.add_argument(
        "--half", choices=HALVES,
        help="ask only the questions of this half: those whose `half` says so or, where none has one, those "
        "of half the documents, by a hash of their ids",
    )  # fmt: skip
    parser.add_argument("--rows", type=output_path, metavar="OUT.jsonl", help="write every answer here, a line each")
    parser.add_argument("--report", type=output_path, metavar="OUT.html", help="write a report with every miss here")
    parser.add_argument("--reader", metavar="NAME", help="the reader that picks the excerpts")
    parser.add_argument(
        "--calibration", type=input_path, metavar="FILE", help="what eval.fitting.calibrate wrote for it"
    )
    parser.add_argument("--reranker", metavar="NAME", help="a CrossEncoder that puts the passages found in order")
    parser.add_argument("--risk", type=float, metavar="SHARE", help="how many of the answers may be wrong, 0 to 1")
    parser.add_argument(
        "--baselines",
        action="store_true",
        help="ask simple baselines too; done in any case where --documents is not given",
    )
    parser.add_argument(
        "--unrelated-history",
        action="store_true",
        help="put another question of the set, about another document, before each: what does it lose by it?",
    )
    parser.add_argument(
        "--fail-under", type=_threshold, action="append", default=[], metavar="MEASURE=VALUE",
        help="exit 1 if the measure is worse than this: below it or, where lower is better, above it; may be repeated",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="write the summary as JSON instead of tables")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; gives its exit code, 1 where a --fail-under fell short. A wrong usage leaves by SystemExit(2)."""
    return run_command("quoth eval", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="quoth eval", description="Measures how well a question set is answered, with 95%% intervals."
    )
    add_arguments(parser)
    args = parser.parse_args(argv)
    if args.documents and not args.questions:
        parser.error("--documents needs --questions: the article's questions are not about other documents")
    paths, set_file = args.documents or [SEEDS], args.questions or ARTICLE_QUESTIONS
    outputs = [path for path in (args.rows, args.report) if path]
    if problem := overwritten(outputs, [*paths, set_file]):
        parser.error(problem)
    settings = Settings.read(os.environ, {name: getattr(args, name) for name in _SETTINGS})
    documents = read_documents(paths, language=settings.language)
    questions: Sequence[Question] = read_questions(set_file, documents, args.half)
    if args.unrelated_history:
        questions = with_unrelated_history(questions, documents)
    return _evaluate(args, settings, documents, questions)


def _evaluate(args: argparse.Namespace, settings: Settings, documents: Documents, questions: Sequence[Question]) -> int:
    from eval.run.baselines import baseline_rows
    from index.encoders.encoder import load_encoder
    from rag.answer import build_answerer

    encoder = load_encoder(settings.encoder)
    with opened(documents, encoder, settings) as corpus:
        answerer = build_answerer(corpus, encoder, settings)
        rows = ask(answerer, questions, documents)
        other_rows = history_rows(answerer, questions, rows, documents)
        if args.baselines or not args.documents:
            other_rows |= baseline_rows(corpus, encoder, questions, documents)
    measured = measure(questions, rows, documents)
    summary, categories = summarise(measured), summarise_categories(measured)
    others = {name: measure(questions, its, documents) for name, its in other_rows.items()}
    systems = {"quoth": summary} if others else {}
    systems |= {name: summarise(its) for name, its in others.items()}
    differences = {name: one for name, its in others.items() if (one := compare(measured, its, PAIRED))}
    if args.rows:
        write_whole(args.rows, "".join(f"{json.dumps(row, ensure_ascii=False, allow_nan=False)}\n" for row in rows))
    if args.report:
        from eval.run.report import Report, render

        name = (args.questions or ARTICLE_QUESTIONS).stem + (f", {args.half} half" if args.half else "")
        report = Report(
            questions=name,
            reader=settings.reader,
            edition=corpus.edition,
            documents=documents,
            measured=measured,
            summary=summary,
            categories=categories,
            systems=systems,
            differences=differences,
            risk=settings.risk,
        )
        write_whole(args.report, render(report))
    if args.json:
        print_json(_plain(summary, categories, systems, differences), indent=2)
    else:
        sys.stdout.write(_as_text(summary, categories, systems, differences))
    return _fell_short(summary, args.fail_under)


def _as_text(
    summary: Mapping[str, Estimate],
    categories: Mapping[str, Mapping[str, Estimate]],
    systems: Mapping[str, Mapping[str, Estimate]],
    differences: Mapping[str, Difference],
) -> str:
    counted = {f"{name} ({max(one.n for one in its.values())})": its for name, its in categories.items()}
    tables = [summary_table(summary)]
    tables += [systems_table(its, columns) for its, columns in ((counted, BY_CATEGORY), (systems, COMPARED)) if its]
    if differences:
        tables.append(differences_table(differences, PAIRED))
    return "\n".join(tables)


def _plain(
    summary: Mapping[str, Estimate],
    categories: Mapping[str, Mapping[str, Estimate]],
    systems: Mapping[str, Mapping[str, Estimate]],
    differences: Mapping[str, Difference],
) -> dict[str, Any]:
    def plain(one: Mapping[str, Estimate]) -> dict[str, Any]:
        return {name: asdict(estimate) for name, estimate in one.items()}

    return {
        "summary": plain(summary),
        "categories": {name: plain(one) for name, one in categories.items()},
        "systems": {name: plain(one) for name, one in systems.items()},
        "differences": {name: {PAIRED: asdict(one)} for name, one in differences.items()},
    }


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
        code = NEGATIVE
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


if __name__ == "__main__":
    sys.exit(main())
