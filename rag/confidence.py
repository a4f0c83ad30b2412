"""How likely the best excerpt answers: a logistic model over what the search and the reader saw."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from index.lexical import Words
from index.types import Hit
from rag.reader import Reading
from rag.types import Query

FEATURES = ("reader_score", "dense_similarity", "word_coverage")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Coefficients of the logistic model, by feature; eval.calibrate fits them and writes where they come from beside them."""

    weights: Mapping[str, float]
    bias: float

    @classmethod
    def of(cls, reader: str) -> Calibration:
        """The calibration that ships for this reader."""
        file = Path(__file__).parent / "reader" / f"{reader}.calibration.json"
        given = json.loads(file.read_text(encoding="utf-8"))
        return cls(given["weights"], given["bias"])

    def confidence(self, features: Mapping[str, float]) -> float:
        """The probability, 0 to 1, for the values of FEATURES."""
        logit = self.bias + math.fsum(weight * features[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, logit))))


def features(query: Query, hits: Sequence[Hit], readings: Sequence[Reading], words: Words) -> dict[str, float]:
    """The values of FEATURES for the best reading; all 0 where nothing was found.

    reader_score      the best sentence's score
    dense_similarity  of the question and the best sentence's passage; 0 where dense search did not find it
    word_coverage     the share of the question's words, stemmed, that the best sentence's passage holds
    """
    if not readings:
        return dict.fromkeys(FEATURES, 0.0)
    best = readings[0]
    passage = best.hit.passage
    asked = set(words(query.text))
    held = asked & set(words(f"{passage.document.title} {passage.heading} {passage.text}"))
    values = (
        best.score,
        best.hit.found_by.get("dense", 0.0),
        len(held) / len(asked) if asked else 0.0,
    )
    return dict(zip(FEATURES, values, strict=True))
