"""`python -m eval.bench`: times what quoth adds to the models' own work, as ratios within one run."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict

from eval.bench.timing import Figure
from eval.questions.data import ARTICLE_QUESTIONS, read_questions
from eval.questions.documents import Documents, read_documents
from eval.run.paths import input_path
from index.exit_codes import GOOD, NEGATIVE, print_json, run_command
from index.sources.read import SEEDS
from rag.settings import Settings

Bench = Callable[[Settings, Documents, Sequence[str]], list[Figure]]


def every_figure(settings: Settings, documents: Documents, questions: Sequence[str]) -> list[Figure]:
    """Serving is timed over the article; reading and embedding over the documents and questions given."""
    from eval.bench.overhead import embedding, trained_reader
    from eval.bench.serving import serving

    return [*serving(settings), *trained_reader(settings, documents, questions), embedding(settings, documents)]


def main(argv: Sequence[str] | None = None, bench: Bench = every_figure) -> int:
    """Runs the command and returns its exit code, 1 if a figure is over its limit."""
    return run_command("eval.bench", lambda: _run(argv, bench))


def _run(argv: Sequence[str] | None, bench: Bench) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.bench", description=__doc__)
    parser.add_argument("--documents", type=input_path, nargs="+", default=[SEEDS], metavar="PATH",
                        help="the documents to ask and to embed (default: the packaged article)")  # fmt: skip
    parser.add_argument("--questions", type=input_path, default=ARTICLE_QUESTIONS, metavar="FILE.jsonl")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    settings = Settings.read(os.environ, {})
    documents = read_documents(args.documents, language=settings.language)
    questions = [question.text for question in read_questions(args.questions, documents)]
    figures = bench(settings, documents, questions)
    if args.json:
        print_json([asdict(figure) for figure in figures], indent=2)
    else:
        sys.stdout.writelines(f"{figure}\n" for figure in figures)
    return GOOD if all(figure.good for figure in figures) else NEGATIVE


if __name__ == "__main__":
    sys.exit(main())
