"""How likely the best excerpt answers: a logistic model over what the search and the reader saw."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from index.lexical import Words
from rag.reader import Reading
from rag.types import Query

FEATURES = ("reader_score", "reader_margin", "dense_similarity", "words_covered", "names_covered")

# a capital within the question, or a number: what a false premise most often has wrong
_NAME = re.compile(r"(?<=\s)[^\W\d_a-z][\w’'-]+|\d[\d.,]*")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Coefficients of the logistic model, by feature; eval.calibrate fits them and writes down on what."""

    weights: Mapping[str, float]
    bias: float
    thresholds: tuple[tuple[float, float], ...]
    """(risk, threshold), both ascending and descending in that order: the least confidence at which, of the questions
    that it was fitted on, at most that share of the answered ones was answered wrongly."""

    @classmethod
    def of(cls, reader: str) -> Calibration:
        """The calibration that ships for this reader."""
        file = Path(__file__).parent / "reader" / f"{reader}.calibration.json"
        given = json.loads(file.read_text(encoding="utf-8"))
        return cls(given["weights"], given["bias"], tuple((risk, least) for risk, least in given["thresholds"]))

    def confidence(self, features: Mapping[str, float]) -> float:
        """The probability, 0 to 1, for the values of FEATURES."""
        logit = self.bias + math.fsum(weight * features[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, logit))))

    def threshold(self, risk: float) -> float:
        """The least confidence that keeps wrong answers to this share; 0 for a risk of 1, infinite where none does."""
        if risk >= 1:
            return 0.0
        return next((least for kept, least in reversed(self.thresholds) if kept <= risk), math.inf)


def features(query: Query, readings: Sequence[Reading], words: Words) -> dict[str, float]:
    """The values of FEATURES for the best reading; all 0 where there is none.

    reader_score      the best sentence's score
    reader_margin     how far it is above the next best sentence
    dense_similarity  of the question and the best sentence's passage; 0 where dense search did not find it
    words_covered     the share of the question's words, stemmed, that the best sentence's passage holds
    names_covered     the same of its names and numbers; 1 where it has none
    """
    if not readings:
        return dict.fromkeys(FEATURES, 0.0)
    best = readings[0]
    passage = best.hit.passage
    held = frozenset(words(f"{passage.document.title} {passage.heading} {passage.text}"))
    names = " ".join(_NAME.findall(query.text))
    return {
        "reader_score": best.score,
        "reader_margin": best.score - readings[1].score if len(readings) > 1 else 0.0,
        "dense_similarity": best.hit.found_by.get("dense", 0.0),
        "words_covered": _share(words(query.text), held, 0.0),
        "names_covered": _share(words(names), held, 1.0),
    }


def _share(asked: Sequence[str], held: frozenset[str], of_none: float) -> float:
    return len(held.intersection(asked)) / len(set(asked)) if asked else of_none
