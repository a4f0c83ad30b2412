"""`python -m eval.fitting.calibrate`: fits the confidence of a reader, and the threshold for each risk."""

import argparse
import json
import os
import random
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from eval.fitting.confidence_model import FOLDS, Example, calibrate
from eval.measures.types import Case
from eval.questions.data import ARTICLE_QUESTIONS, Half, read_questions
from eval.questions.documents import read_documents
from eval.questions.history import crossed
from eval.questions.lines import read_rows
from eval.run.paths import input_path, output_path, overwritten, write_whole
from index.errors import QuestionError, SettingsError
from index.exit_codes import GOOD, run_command
from index.sources.read import SEEDS
from rag.calibration import Calibration
from rag.settings import Settings
from rag.types import Answer

_SEED = 20240618


class _Set(NamedTuple):
    """Documents, and the questions to ask about them."""

    documents: Sequence[Path]
    questions: Path
    half: Half | None


def main(argv: Sequence[str] | None = None) -> int:
    """Asks question sets, and writes coefficients, thresholds and their origin. Returns the exit code."""
    return run_command("eval.fitting.calibrate", lambda: _run(argv))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eval.fitting.calibrate", description=__doc__)
    # fmt: off
    parser.add_argument("--set", dest="sets", type=input_path, nargs="+", action="append", default=[], metavar="PATH",
                        help="documents and last the questions about them, or a folder with corpus.jsonl and "
                        "questions.jsonl; may be repeated, and each set weighs the same")
    parser.add_argument("--tune", type=input_path, nargs="+", action="append", default=[], metavar="PATH",
                        help="the same, but only the half of the questions to tune on is asked; "
                        "without any set, that half of the article's questions is asked")
    parser.add_argument("--foreign", type=input_path, metavar="FILE.jsonl",
                        help="questions that no set's documents answer; each set is asked a part of them")
    parser.add_argument("--asked", type=_count, default=3000,
                        help="the most questions to ask of a set; half of the follow-up questions are asked again "
                        "with another history (default %(default)s)")
    parser.add_argument("--foreign-asked", type=_count, default=400,
                        help="the most foreign questions to ask in all (default %(default)s)")
    parser.add_argument("--reader", metavar="NAME",
                        help="the reader to calibrate; its present calibration chooses among the forms of a "
                        "follow-up question, so a first fit on conversations is made twice")
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE.json")
    # fmt: on
    return parser


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    sets = [_set(paths, None) for paths in args.sets] + [_set(paths, "tune") for paths in args.tune]
    sets = sets or [_Set([SEEDS], ARTICLE_QUESTIONS, "tune")]
    inputs = [path for source in sets for path in (*source.documents, source.questions)]
    if problem := overwritten([args.out], [*inputs, *([args.foreign] if args.foreign else [])]):
        parser.error(problem)
    settings = Settings.read(os.environ, {"reader": args.reader})
    chooser = random.Random(_SEED)
    foreign = [row["question"] for row in read_rows(args.foreign, "question")] if args.foreign else []
    foreign = chooser.sample(foreign, min(args.foreign_asked, len(foreign)))
    examples: list[Example] = []
    about: list[dict[str, Any]] = []
    for number, source in enumerate(sets):
        own = _ask(source, settings, chooser, args.asked, foreign[number :: len(sets)])
        examples += [replace(example, group=f"{number} {example.group}", weight=1 / len(own)) for example in own]
        about.append(
            {
                "documents": [_shortened(path) for path in source.documents],
                "questions": _shortened(source.questions),
                "half": source.half,
                "asked": len(own),
                "right": sum(example.right for example in own),
            }
        )
    fitted = {
        "reader": settings.reader,
        **calibrate(examples).to_json(),
        "fitted_on": {
            "sets": about,
            "foreign": _shortened(args.foreign) if args.foreign else None,
            "foreign_asked": len(foreign),
            "encoder": settings.encoder,
            "reranker": settings.reranker,
            "seed": _SEED,
        },
    }
    write_whole(args.out, json.dumps(fitted, indent=2) + "\n")
    return GOOD


def _set(paths: Sequence[Path], half: Half | None) -> _Set:
    """From the paths on the command line: a folder with both, or documents and, last, the questions."""
    if len(paths) == 1:
        paths = [paths[0] / "corpus.jsonl", paths[0] / "questions.jsonl"]
    return _Set(paths[:-1], paths[-1], half)


def _ask(source: _Set, settings: Settings, chooser: random.Random, most: int, foreign: Sequence[str]) -> list[Example]:
    """One example for each foreign question, and for each other question that can be asked and judged."""
    from eval.run.asking import opened, progress
    from index.encoders.load import load_encoder
    from rag.answer import build_answerer
    from rag.row import row_of

    documents = read_documents(source.documents, language=settings.language)
    questions = list(read_questions(source.questions, documents, source.half))
    questions = chooser.sample(questions, min(most, len(questions)))
    questions += crossed(questions, chooser)
    encoder = load_encoder(settings.encoder)
    examples = []
    with opened(documents.all, encoder, settings) as corpus:
        answerer = build_answerer(corpus, encoder, settings, _present(settings))
        report = progress(f"Asking {_shortened(source.questions)}")
        for number, question in enumerate(questions, start=1):
            with suppress(QuestionError):
                answer = answerer.ask(question.text, question.history, risk=1.0)
                case = Case(question, row_of(answer, id=question.id, document_id=documents.row_id), documents)
                if case.judged:
                    # each question that does not name its document is a separate group
                    group = question.document_id or question.id
                    examples.append(Example(_features(answer), case.is_hit(1), group))
            report(number, len(questions))
        others = {text: _features(answerer.ask(text, risk=1.0)) for text in foreign}
    if len({example.group for example in examples}) < FOLDS:
        examples = [replace(example, group=str(number)) for number, example in enumerate(examples)]
    return examples + [Example(features, False, f"foreign {text}") for text, features in others.items()]


def _features(answer: Answer) -> dict[str, float]:
    return {name: part.value for name, part in answer.judgements[0].contributions.items()}


def _present(settings: Settings) -> Calibration:
    """The current calibration, which chooses among the forms of a follow-up question; an empty one if there is none.

    A question without history has one form, so its calibration does not matter.
    """
    if settings.calibration:
        return Calibration.read(settings.calibration, settings.reader)
    with suppress(SettingsError):
        return Calibration.shipped(settings.reader)
    return Calibration({}, 0.0, ())


def _shortened(path: Path) -> str:
    """The end of a path: enough to recognise the set, without the folders of this machine."""
    return str(Path(*path.parts[-3:]))


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError(text)
    return count


if __name__ == "__main__":
    sys.exit(main())
