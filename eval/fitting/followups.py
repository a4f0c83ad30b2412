"""`python -m eval.fitting.followups`: fits the probability that a question depends on earlier turns."""

import argparse
import json
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.questions.lines import read_rows
from eval.run.paths import input_path, output_path, overwritten, write_whole
from index.errors import QuestionSetError
from index.exit_codes import GOOD, run_command
from index.text.words import Words
from rag.english.leaning import signs

_SEED = 20240618
_ALONE = 4000


def main(argv: Sequence[str] | None = None) -> int:
    """Reads question sets, and writes the coefficients and what they were fitted on. Returns the exit code."""
    return run_command("eval.fitting.followups", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.fitting.followups", description=__doc__)
    # fmt: off
    parser.add_argument("--conversations", type=input_path, required=True, metavar="FILE.jsonl",
                        help="questions with a history, each with a stand-alone `rewrite`")
    parser.add_argument("--alone", type=input_path, nargs="+", required=True, metavar="FILE.jsonl",
                        help=f"stand-alone questions; at most {_ALONE:,} of them are sampled")
    parser.add_argument("--out", type=output_path, required=True, metavar="FILE.json")
    # fmt: on
    args = parser.parse_args(argv)
    if problem := overwritten([args.out], [args.conversations, *args.alone]):
        parser.error(problem)
    words = Words("en")
    rows = [
        (row["question"], row["rewrite"], _said(row["history"]))
        for row in read_rows(args.conversations, "question", "rewrite")
        # a rewrite without a new word only rephrases: the question did not depend on the history
        if row.get("history") and not set(words(row["rewrite"])) <= set(words(row["question"]))
    ]
    leaning = [(question, before) for question, _, before in rows]
    chooser = random.Random(_SEED)
    others = [row["question"] for file in args.alone for row in read_rows(file, "question")]
    others = chooser.sample(others, min(_ALONE, len(others)))
    # each gets a random conversation as history, because a stand-alone question does not depend on any
    alone = [(text, chooser.choice(rows)[2]) for text in (*others, *(rewrite for _, rewrite, _ in rows)) if rows]
    fitted = {
        **fit(leaning, alone),
        "fitted_on": {
            "conversations": str(Path(*args.conversations.parts[-3:])),
            "alone": [str(Path(*file.parts[-3:])) for file in args.alone],
            "leaning": len(leaning),
            "standing_alone": len(alone),
            "seed": _SEED,
        },
    }
    write_whole(args.out, json.dumps(fitted, indent=2) + "\n")
    return GOOD


def _said(history: Sequence[Mapping[str, Any]]) -> str:
    return " ".join(f"{turn.get('question') or ''} {turn.get('answer') or ''}" for turn in history)


def fit(leaning: Sequence[tuple[str, str]], alone: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Fits a logistic regression that predicts from its signs whether a question leans on the turns before it.

    Each pair is a question and the conversation before it. Both classes have the same total weight. Returns {"weights",
    "bias"}. Raises QuestionSetError if a class is empty.
    """
    from sklearn.linear_model import LogisticRegression

    if not leaning or not alone:
        raise QuestionSetError(
            f"{len(leaning)} questions lean on others and {len(alone)} stand alone, expected some of each",
            "Give more questions",
        )
    features = [signs(question, before) for question, before in (*leaning, *alone)]
    names = list(features[0])
    model = LogisticRegression(C=10, max_iter=10_000, class_weight="balanced")
    model.fit([[row[name] for name in names] for row in features], [1] * len(leaning) + [0] * len(alone))
    weights = {name: round(float(weight), 3) for name, weight in zip(names, model.coef_[0], strict=True)}
    return {"weights": weights, "bias": round(float(model.intercept_[0]), 3)}


if __name__ == "__main__":
    sys.exit(main())
