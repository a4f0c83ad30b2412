"""`python -m eval.fitting.calibrate`: fits the confidence of a reader, and the threshold of each risk."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.fitting.logistic import FOLDS, Asked, calibrate
from eval.measures.measures import measure
from eval.questions.data import Half, read_questions
from eval.questions.documents import read_documents
from eval.questions.history import crossed
from eval.questions.lines import read_rows
from eval.run.asking import opened
from eval.run.evaluate import ARTICLE_QUESTIONS
from eval.run.paths import input_path, output_path, overwritten, write_whole
from eval.run.progress import progress
from index.errors import QuestionError, SettingsError
from index.exit_codes import GOOD, run_command
from index.sources import SEEDS
from rag.calibration import Calibration
from rag.settings import Settings
from rag.types import Answer

_SEED = 20240618


def main(argv: Sequence[str] | None = None) -> int:
    """Asks question sets and writes coefficients, thresholds and what they come from; gives the command's exit code."""
    return run_command("eval.fitting.calibrate", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.fitting.calibrate", description=__doc__)
    parser.add_argument(
        "--set", dest="sets", type=input_path, nargs="+", action="append", default=[], metavar="PATH",
        help="documents and last the questions about them, or a folder with corpus.jsonl and questions.jsonl; "
        "may be repeated, and each set weighs the same",
    )  # fmt: skip
    parser.add_argument(
        "--tune", type=input_path, nargs="+", action="append", default=[], metavar="PATH",
        help="the same, but of the questions only the half to tune on is asked; "
        "without any set, the article's own questions are asked so",
    )  # fmt: skip
    parser.add_argument("--foreign", type=input_path, metavar="FILE.jsonl",
                        help="questions that no set's documents answer, asked of each in part")  # fmt: skip
    parser.add_argument(
        "--asked", type=_count, default=3000,
        help="how many questions to ask of a set at most; of those that follow others half again, out of place "
        "(default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--foreign-asked", type=_count, default=400, help="and of the foreign ones in all (default %(default)s)"
    )
    parser.add_argument(
        "--reader", metavar="NAME",
        help="whose scores to calibrate; what was fitted for it before chooses among the forms of a follow-up, "
        "so that a first fit on conversations is made twice",
    )  # fmt: skip
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE.json")
    args = parser.parse_args(argv)
    given = [_Set.of(paths, None) for paths in args.sets] + [_Set.of(paths, "tune") for paths in args.tune]
    sets = given or [_Set((SEEDS,), ARTICLE_QUESTIONS, "tune")]
    read = [path for one in sets for path in (*one.documents, one.questions)]
    if problem := overwritten([args.out], [*read, *([args.foreign] if args.foreign else [])]):
        parser.error(problem)
    settings = Settings.read(os.environ, {"reader": args.reader})
    chooser = random.Random(_SEED)
    foreign = [row["question"] for row in read_rows(args.foreign, "question")] if args.foreign else []
    foreign = chooser.sample(foreign, min(args.foreign_asked, len(foreign)))
    asked: list[Asked] = []
    about: list[dict[str, Any]] = []
    for number, one in enumerate(sets):
        its = _ask(one, settings, chooser, args.asked, foreign[number :: len(sets)])
        asked += [replace(question, group=f"{number} {question.group}", weight=1 / len(its)) for question in its]
        about.append({**one.to_json(), "asked": len(its), "right": sum(question.right for question in its)})
    fitted = {
        "reader": settings.reader,
        **calibrate(asked).to_json(),
        "fitted_on": {
            "sets": about,
            "foreign": str(_shortened(args.foreign)) if args.foreign else None,
            "foreign_asked": len(foreign),
            "encoder": settings.encoder,
            "reranker": settings.reranker,
            "seed": _SEED,
        },
    }
    write_whole(args.out, json.dumps(fitted, indent=2) + "\n")
    return GOOD


@dataclass(frozen=True, slots=True)
class _Set:
    """Documents, and the questions to ask of them."""

    documents: tuple[Path, ...]
    questions: Path
    half: Half | None

    @classmethod
    def of(cls, paths: Sequence[Path], half: Half | None) -> _Set:
        """A folder that holds both, or documents with the questions last."""
        if len(paths) == 1:
            return cls((paths[0] / "corpus.jsonl",), paths[0] / "questions.jsonl", half)
        return cls(tuple(paths[:-1]), paths[-1], half)

    def to_json(self) -> dict[str, Any]:
        documents = [str(_shortened(path)) for path in self.documents]
        return {"documents": documents, "questions": str(_shortened(self.questions)), "half": self.half}


def _ask(one: _Set, settings: Settings, chooser: random.Random, most: int, foreign: Sequence[str]) -> list[Asked]:
    """What was seen at each question that can be asked and of which it is known what is right, and at the foreign."""
    from index.encoders.encoder import load_encoder
    from rag.answer import build_answerer
    from rag.row import row_of

    documents = read_documents(one.documents, language=settings.language)
    questions = list(read_questions(one.questions, documents, one.half))
    questions = chooser.sample(questions, min(most, len(questions)))
    questions += crossed(questions, chooser)
    encoder = load_encoder(settings.encoder)
    with opened(documents, encoder, settings) as corpus:
        answerer = build_answerer(corpus, encoder, settings, _present(settings))
        say = progress(f"Asking {_shortened(one.questions)}")
        answers = {}
        for number, question in enumerate(questions, start=1):
            with suppress(QuestionError):
                answers[question] = answerer.ask(question.text, question.history, risk=1.0)
            say(number, len(questions))
        others = {text: answerer.ask(text, risk=1.0) for text in foreign}
    rows = [row_of(answer, id=question.id, document_id=documents.row_id) for question, answer in answers.items()]
    scores = measure(list(answers), rows, documents).scores
    asked = [
        # questions about a document that is not named are each a group of their own
        Asked(_features(answer), scores[question.id]["right"] == 1, question.document_id or question.id)
        for question, answer in answers.items()
        if scores[question.id]["right"] is not None
    ]
    if len({question.group for question in asked}) < FOLDS:
        asked = [replace(question, group=str(number)) for number, question in enumerate(asked)]
    return asked + [Asked(_features(answer), False, f"foreign {text}") for text, answer in others.items()]


def _features(answer: Answer) -> dict[str, float]:
    return {name: part.value for name, part in answer.judgements[0].contributions.items()}


def _present(settings: Settings) -> Calibration:
    """What chooses among the forms that a question can mean while there is nothing fitted yet: what was fitted before.

    A question without history has one form, and then it plays no part.
    """
    if settings.calibration:
        return Calibration.read(settings.calibration, settings.reader)
    with suppress(SettingsError):
        return Calibration.shipped(settings.reader)
    return Calibration({}, 0.0, ())


def _shortened(path: Path) -> Path:
    """Enough of a path to know a set by, and nothing of the machine."""
    return Path(*path.parts[-3:])


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError(text)
    return count


if __name__ == "__main__":
    sys.exit(main())
