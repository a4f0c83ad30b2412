"""`python -m eval.calibrate`: fits the logistic model that turns what a reader saw into a probability."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from eval.asking import opened
from eval.data import read_questions
from eval.documents import read_documents
from eval.measures import measure
from eval.paths import input_path, output_path, overwritten, write_whole
from eval.progress import progress
from index.errors import QuestionSetError
from index.sources import decode, read_bytes
from index.strict_json import NotStrictJson, parse_json
from rag.command import GOOD, run_command
from rag.settings import Settings

_SEED = 20240618


def main(argv: Sequence[str] | None = None) -> int:
    """Asks a question set and writes coefficients and where they come from; gives the command's exit code."""
    return run_command("eval.calibrate", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.calibrate", description=__doc__)
    parser.add_argument("--documents", type=input_path, nargs="+", required=True, metavar="PATH")
    parser.add_argument("--questions", type=input_path, nargs="+", required=True, metavar="FILE.jsonl")
    parser.add_argument("--tune", type=input_path, nargs="*", default=[], metavar="FILE.jsonl",
                        help="question sets of which only the half to tune on is asked, all of it")  # fmt: skip
    parser.add_argument("--foreign", type=input_path, required=True, metavar="FILE.jsonl",
                        help="questions about other documents, which these do not answer")  # fmt: skip
    parser.add_argument(
        "--asked", type=_count, default=3000, help="how many of the questions to ask (default %(default)s)"
    )
    parser.add_argument(
        "--foreign-asked", type=_count, default=400, help="and of the foreign ones (default %(default)s)"
    )
    parser.add_argument("--reader", help="whose scores to calibrate")
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE.json")
    args = parser.parse_args(argv)
    if problem := overwritten([args.out], [*args.documents, *args.questions, *args.tune, args.foreign]):
        parser.error(problem)
    settings = Settings.read(os.environ, {"reader": args.reader})
    features, right = _ask(args, settings)
    fitted = {
        **fit(features, right),
        "fitted_on": {
            "documents": [str(Path(*path.parts[-3:])) for path in args.documents],
            "questions": [str(Path(*path.parts[-3:])) for path in args.questions],
            "tune_halves": [str(Path(*path.parts[-3:])) for path in args.tune],
            "foreign": str(Path(*args.foreign.parts[-3:])),
            "asked": len(right),
            "right": sum(right),
            "seed": _SEED,
        },
    }
    write_whole(args.out, json.dumps(fitted, indent=2) + "\n")
    return GOOD


def fit(features: Sequence[Mapping[str, float]], right: Sequence[bool]) -> dict[str, object]:
    """The logistic regression, without regularisation, of being right on the features: {"weights", "bias"}.

    Raises QuestionSetError where all are right, or none.
    """
    from sklearn.linear_model import LogisticRegression

    if len(set(right)) < 2:
        raise QuestionSetError(
            f"{sum(right)} of {len(right)} questions were answered right, and some must be, and some not",
            "Give more questions",
        )
    names = list(features[0])
    model = LogisticRegression(C=1e6, max_iter=10_000)
    model.fit([[one[name] for name in names] for one in features], list(right))
    weights = {name: round(float(weight), 4) for name, weight in zip(names, model.coef_[0], strict=True)}
    return {"weights": weights, "bias": round(float(model.intercept_[0]), 4)}


def _ask(args: argparse.Namespace, settings: Settings) -> tuple[list[Mapping[str, float]], list[bool]]:
    """What was seen at each question, and whether the best excerpt was right."""
    from index.encoder import load_encoder
    from rag.answer import Answerer
    from rag.confidence import Calibration
    from rag.reader import load_reader
    from rag.row import row_of

    documents = read_documents(args.documents, language=settings.language)
    questions = [question for path in args.questions for question in read_questions(path, documents, None)]
    chooser = random.Random(_SEED)
    questions = chooser.sample(questions, min(args.asked, len(questions)))
    questions += [question for path in args.tune for question in read_questions(path, documents, "tune")]
    foreign = _texts(args.foreign)
    foreign = chooser.sample(foreign, min(args.foreign_asked, len(foreign)))
    encoder = load_encoder(settings.encoder)
    with opened(documents, encoder, settings) as corpus:
        # what is to be fitted is not needed to see what it is fitted on
        reader = load_reader(settings.reader, encoder, corpus.lexical.words)
        answerer = Answerer(corpus, encoder, reader, Calibration({}, 0.0, ()), risk=1.0)
        say = progress("Asking")
        answers = []
        for number, question in enumerate(questions, start=1):
            answers.append(answerer.ask(question.text, question.history))
            say(number, len(questions))
        rows = [row_of(a, id=q.id, document_id=documents.row_id) for q, a in zip(questions, answers, strict=True)]
        values = measure(questions, rows, documents).scores
        right = [bool(values[q.id].get("hit@1")) for q in questions]
        others = [answerer.ask(text) for text in foreign]
    return [answer.attempts[0].features for answer in [*answers, *others]], right + [False] * len(others)


def _texts(path: Path) -> list[str]:
    """The `question` of each line of a question set, whose documents are not at hand."""
    texts = []
    for number, line in enumerate(decode(read_bytes(path), path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except NotStrictJson as error:
            raise QuestionSetError(f"{path}:{number} is {error}", "Write one JSON object a line") from error
        if not isinstance(row, dict) or not isinstance(row.get("question"), str):
            raise QuestionSetError(f"{path}:{number} is no object with a question", "Mend the line")
        texts.append(row["question"])
    return texts


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError(text)
    return count


if __name__ == "__main__":
    sys.exit(main())
