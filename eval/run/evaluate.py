"""`quoth eval`: asks a question set of documents and measures the answers, in rows, tables and a report."""

import argparse
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence

from eval.measures.bootstrap import Estimate
from eval.measures.measures import MEASURES
from eval.questions.data import ARTICLE_QUESTIONS, HALVES, Question, read_questions
from eval.questions.documents import read_documents
from eval.questions.history import with_unrelated_history
from eval.run.evaluation import Evaluation
from eval.run.paths import input_path, output_path, overwritten, write_whole
from index.exit_codes import GOOD, NEGATIVE, print_json, run_command
from index.sources.read import SEEDS
from rag.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code, 1 if a --fail-under fell short. A wrong usage raises SystemExit(2)."""
    return run_command("quoth eval", lambda: run(parse(argv)))


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments of the command. A wrong usage raises SystemExit(2)."""
    parser = argparse.ArgumentParser(
        prog="quoth eval", description="Measures how well a question set is answered, with 95% intervals."
    )
    # fmt: off
    parser.add_argument("--documents", type=input_path, nargs="+", metavar="PATH",
                        help="files, folders or a corpus.jsonl to ask (default: the packaged article)")
    parser.add_argument("--questions", type=input_path, metavar="FILE.jsonl",
                        help="the question set (default: that of the article)")
    parser.add_argument("--half", choices=HALVES,
                        help="ask only the questions of this half: those whose `half` says so or, if none has one, "
                        "those of half the documents, by a hash of their ids")
    parser.add_argument("--rows", type=output_path, metavar="OUT.jsonl", help="write every answer here, one a line")
    parser.add_argument("--report", type=output_path, metavar="OUT.html", help="write a report with every miss here")
    parser.add_argument("--reader", metavar="NAME", help="the reader that picks the excerpts")
    parser.add_argument("--calibration", type=input_path, metavar="FILE",
                        help="the reader's calibration, written by eval.fitting.calibrate")
    parser.add_argument("--reranker", metavar="NAME", help="a CrossEncoder that puts the passages found in order")
    parser.add_argument("--risk", type=float, metavar="SHARE", help="how many of the answers may be wrong, 0 to 1")
    parser.add_argument("--baselines", action="store_true",
                        help="ask simple baselines too; always done if --documents is not given")
    parser.add_argument("--unrelated-history", action="store_true",
                        help="put a question about another document before each question, to see what that costs")
    parser.add_argument("--fail-under", type=_threshold, action="append", default=[], metavar="MEASURE=VALUE",
                        help="exit 1 if the measure is worse than this: below it or, if lower is better, above it; "
                        "may be repeated")
    parser.add_argument("--json", action="store_true", help="write the summary as JSON instead of tables")
    # fmt: on
    args = parser.parse_args(argv)
    if args.documents and not args.questions:
        parser.error("--documents needs --questions: the article's questions are not about other documents")
    args.documents, args.article = args.documents or [SEEDS], not args.documents
    args.questions = args.questions or ARTICLE_QUESTIONS
    outputs = [path for path in (args.rows, args.report) if path]
    if problem := overwritten(outputs, [*args.documents, args.questions]):
        parser.error(problem)
    return args


def run(args: argparse.Namespace) -> int:
    """Evaluates, prints and writes what `args`, of `parse`, ask for. Gives the exit code of `main`."""
    from eval.run.asking import ask, history_rows, opened
    from eval.run.baselines import baseline_rows
    from index.encoders.load import load_encoder
    from rag.answer import build_answerer

    settings = Settings.read(os.environ, vars(args))
    documents = read_documents(args.documents, language=settings.language)
    questions: Sequence[Question] = read_questions(args.questions, documents, args.half)
    if args.unrelated_history:
        questions = with_unrelated_history(questions, documents)
    encoder = load_encoder(settings.encoder)
    with opened(documents.all, encoder, settings) as corpus:
        answerer = build_answerer(corpus, encoder, settings)
        rows = ask(answerer, questions, documents)
        others = history_rows(answerer, questions, rows, documents)
    if args.baselines or args.article:
        others |= baseline_rows(documents, encoder, questions, settings.language)
    evaluation = Evaluation.of(questions, rows, documents, others)
    if args.rows:
        write_whole(args.rows, "".join(f"{json.dumps(row, ensure_ascii=False, allow_nan=False)}\n" for row in rows))
    if args.report:
        from eval.run.report import render

        title = args.questions.stem + (f", {args.half} half" if args.half else "")
        html = render(
            evaluation, documents, title=title, reader=settings.reader, edition=corpus.edition, risk=settings.risk
        )
        write_whole(args.report, html)
    if args.json:
        print_json(evaluation.to_json(), indent=2)
    else:
        sys.stdout.write(evaluation.as_text())
    return _fell_short(evaluation.summary, args.fail_under)


def _fell_short(summary: Mapping[str, Estimate], thresholds: Iterable[tuple[str, float]]) -> int:
    code = GOOD
    for name, threshold in thresholds:
        if name not in summary:
            problem = "has no value: it applies to none of the questions"
        elif MEASURES[name].worse(summary[name].value, threshold):
            problem = f"is {MEASURES[name].formatted(summary[name].value)}, worse than {threshold:g}"
        else:
            continue
        sys.stderr.write(f"quoth eval: {name} {problem}\n")
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
