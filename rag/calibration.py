"""Calibrated confidence: a logistic model over features of search and reader, and a threshold for each risk."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, ValidationError, field_validator

from index.errors import SettingsError, SourceError
from index.sources.decode import read_utf8
from index.text.words import Words
from index.types import Query
from rag.english.names import CAPITALISED_OR_NUMBER
from rag.readers.names import READERS
from rag.types import Contribution, Reading

CARRIED = "carried"
FEATURES = {
    "reader_score": 1,
    "reader_margin": 1,
    "dense_similarity": 1,
    "words_covered": 1,
    "names_covered": 1,
    CARRIED: 1,
}
"""Feature -> version of its definition. Raise the version when the values that `features` computes change: weights
fitted to the old values are then refused."""

_FIT = "Fit one with python -m eval.fitting.calibrate --reader NAME --out FILE.json"
_Share = Annotated[float, Field(ge=0, le=1)]


class _File(BaseModel, strict=True, allow_inf_nan=False):
    """The JSON that eval.fitting.calibrate writes."""

    reader: str
    weights: dict[str, float]
    bias: float
    thresholds: tuple[tuple[_Share, _Share], ...]
    features: Any = dict.fromkeys(FEATURES, 1)
    """Files from before versions were introduced have the first version of every feature."""
    fitted_on: dict[str, Any] = {}

    @field_validator("weights")
    @classmethod
    def _of_every_feature(cls, weights: dict[str, float]) -> dict[str, float]:
        if missing := FEATURES.keys() - weights.keys():
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        return {name: weights[name] for name in FEATURES}

    @field_validator("thresholds")
    @classmethod
    def _falling(cls, thresholds: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        risks, least = [risk for risk, _ in thresholds], [threshold for _, threshold in thresholds]
        if risks != sorted(set(risks)) or least != sorted(least, reverse=True):
            raise ValueError("the thresholds do not fall as risks rise")
        return thresholds


@dataclass(frozen=True, slots=True)
class Calibration:
    """The coefficients of the logistic model, fitted by eval.fitting.calibrate for a reader, encoder, re-ranker."""

    weights: Mapping[str, float]
    """By feature."""
    bias: float
    thresholds: tuple[tuple[float, float], ...]
    """(risk, threshold) pairs, risk ascending. On the fitting set, answering only at `threshold` or above kept the
    share of wrong answers at or below `risk`. Risks that no threshold achieved are absent."""

    @classmethod
    def shipped(cls, reader: str) -> Self:
        """The calibration that ships for this reader. Raises SettingsError if there is none."""
        if reader not in READERS:
            raise SettingsError(
                f"no calibration ships for the reader {reader!r}, and its scores mean nothing without",
                f"Fit one with python -m eval.fitting.calibrate --reader {reader} --out FILE.json "
                "and name it with QUOTH_CALIBRATION or --calibration",
            )
        return cls.read(Path(__file__).parent / "readers" / f"{reader}.calibration.json", reader)

    @classmethod
    def read(cls, file: Path, reader: str, **parts: str) -> Self:
        """Reads a file that eval.fitting.calibrate wrote.

        Raises SettingsError if it is not such a file, or was fitted for another reader, for other `parts` (encoder,
        reranker: name), or for features of another version.
        """
        try:
            content = _File.model_validate_json(read_utf8(file))
        except SourceError as error:
            raise SettingsError(error.problem, _FIT) from error
        except ValidationError as error:
            first = error.errors()[0]
            problem = f"{'.'.join(map(str, first['loc']))} is {first['input']!r:.60}: {first['msg']}"
            raise SettingsError(f"{file} is not what eval.fitting.calibrate writes: {problem}", _FIT) from error
        fitted = {**parts, **content.fitted_on, "reader": content.reader, "features": content.features}
        for part, expected in {**parts, "reader": reader, "features": FEATURES}.items():
            if fitted[part] != expected:
                raise SettingsError(f"{file} was fitted with the {part} {fitted[part]!r}, expected {expected!r}", _FIT)
        return cls(content.weights, content.bias, content.thresholds)

    def to_json(self) -> dict[str, Any]:
        """The object that `read` reads, without the reader's name. Thresholds are rounded up, to keep their risk."""
        thresholds = [[risk, min(1.0, math.ceil(least * 1e6) / 1e6)] for risk, least in self.thresholds]
        return {"weights": dict(self.weights), "bias": self.bias, "thresholds": thresholds, "features": FEATURES}

    def contributions(self, features: Mapping[str, float]) -> dict[str, Contribution]:
        """Feature -> its value and weight."""
        return {name: Contribution(value, self.weights.get(name, 0.0)) for name, value in features.items()}

    def confidence(self, features: Mapping[str, float]) -> float:
        """The probability, 0 to 1, that the best reading answers, for the values of FEATURES."""
        log_odds = self.bias + math.fsum(weight * features[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, log_odds))))

    def threshold(self, risk: float) -> float:
        """The lowest confidence to answer at, if the share `risk` (0 to 1) of wrong answers is accepted.

        The threshold of the largest listed risk that is not above `risk`. 0 for a risk of 1: everything is answered.
        Infinite for a risk below all listed ones, because no threshold achieved it.
        """
        if risk >= 1:
            return 0.0
        return next((threshold for listed, threshold in reversed(self.thresholds) if listed <= risk), math.inf)


def features(
    question: Query, readings: Sequence[Reading], words: Words, *, similarity: float, carried: bool
) -> dict[str, float]:
    """The values of FEATURES for the best reading; all 0 if there is none.

    They compare the best reading with the question as it was asked, not with the form that was searched for:
    carried-over text is always similar to the passage that it came from.

    reader_score      the score of the best sentence
    reader_margin     its distance to the next best
    dense_similarity  the inner product of the vectors of the question and of the best sentence's passage
    words_covered     the share of the question's stemmed words that the passage, its title or heading contains
    names_covered     the same share of its names and numbers, often wrong in false premises; 1 if it has none
    carried           1 if earlier turns were carried over: readers score such forms lower
    """
    if not readings:
        return dict.fromkeys(FEATURES, 0.0)
    best = readings[0]
    passage = best.hit.passage
    contained = frozenset(words(f"{passage.document.title} {passage.heading} {passage.text}"))
    names = " ".join(CAPITALISED_OR_NUMBER.findall(question.text))
    return {
        "reader_score": best.score,
        "reader_margin": best.score - readings[1].score if len(readings) > 1 else 0.0,
        "dense_similarity": similarity,
        "words_covered": _share_in(contained, words(question.text), if_none=0.0),
        "names_covered": _share_in(contained, words(names), if_none=1.0),
        CARRIED: float(carried),
    }


def _share_in(contained: frozenset[str], words: Sequence[str], *, if_none: float) -> float:
    return len(contained.intersection(words)) / len(set(words)) if words else if_none
