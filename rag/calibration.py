"""How likely the best excerpt answers: a logistic model over what the search and the reader saw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.embedded.lexical import Words
from index.errors import SettingsError, SourceError
from index.sources import decode, read_bytes
from index.strict_json import parse_json
from rag.english.names import CAPITALISED_OR_NUMBER
from rag.readers.load import READERS, Reading
from rag.types import Query

CARRIED = "carried"
FEATURES = ("reader_score", "reader_margin", "dense_similarity", "words_covered", "names_covered", CARRIED)

_FIT = "Fit one with python -m eval.fitting.calibrate --reader NAME --out FILE.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Coefficients of the logistic model, by feature; eval.fitting.calibrate fits them and writes down on what."""

    weights: Mapping[str, float]
    bias: float
    thresholds: tuple[tuple[float, float], ...]
    """(risk, threshold), risks ascending and thresholds not: the least confidence at which, of the questions that it
    was fitted on, at most that share of the answered ones was answered wrongly. A risk that none kept is not there."""

    @classmethod
    def shipped(cls, reader: str) -> Calibration:
        """The calibration that ships for this reader. Raises SettingsError where none does."""
        file = Path(__file__).parent / "readers" / f"{reader}.calibration.json"
        if reader not in READERS or not file.is_file():
            raise SettingsError(
                f"no calibration ships for the reader {reader!r}, and its scores mean nothing without",
                f"Fit one with python -m eval.fitting.calibrate --reader {reader} --out FILE.json "
                "and name it with QUOTH_CALIBRATION or --calibration",
            )
        return cls.read(file, reader)

    @classmethod
    def read(cls, file: Path, reader: str, **parts: str) -> Calibration:
        """What eval.fitting.calibrate wrote for this reader. Raises SettingsError where it is not that.

        Also where it was fitted with another of `parts`, of the encoder or the re-ranker by name: their scores are what
        it was fitted on.
        """
        try:
            given = parse_json(decode(read_bytes(file), file))
            found = given["reader"]
            one = cls(
                {name: _number(given["weights"][name]) for name in FEATURES},
                _number(given["bias"]),
                tuple((_share_of(risk), _share_of(least)) for risk, least in given["thresholds"]),
            )
            risks, least = [risk for risk, _ in one.thresholds], [least for _, least in one.thresholds]
            if risks != sorted(set(risks)) or least != sorted(least, reverse=True):
                raise ValueError("its thresholds do not fall as risks rise")
        except SourceError as error:
            raise SettingsError(error.problem, _FIT) from error
        except KeyError as error:
            raise SettingsError(f"{file} lacks {error}, which eval.fitting.calibrate writes", _FIT) from error
        except (TypeError, ValueError) as error:
            raise SettingsError(f"{file} is not what eval.fitting.calibrate writes ({error})", _FIT) from error
        about = given.get("fitted_on")
        for part, name in parts.items():
            if isinstance(about, Mapping) and (fitted := about.get(part, name)) != name:
                raise SettingsError(f"{file} was fitted with the {part} {fitted!r}, expected {name!r}", _FIT)
        if found != reader:
            raise SettingsError(f"{file} was fitted for the reader {found!r}, expected {reader!r}", _FIT)
        return one

    def to_json(self) -> dict[str, Any]:
        """What `read` reads, but for the name of the reader. A threshold is rounded up, so that it keeps its risk."""
        kept = [[risk, min(1.0, math.ceil(least * 1e6) / 1e6)] for risk, least in self.thresholds]
        return {"weights": dict(self.weights), "bias": self.bias, "thresholds": kept}

    def confidence(self, features: Mapping[str, float]) -> float:
        """The probability, 0 to 1, for the values of FEATURES."""
        logit = self.bias + math.fsum(weight * features[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, logit))))

    def as_put(self, features: Mapping[str, float]) -> float:
        """The same, were the question read as it was put: by this its forms compare, whichever carry something over."""
        return self.confidence({**features, CARRIED: 0.0})

    def threshold(self, risk: float) -> float:
        """The least confidence at which to answer where `risk`, 0 to 1, is the share of wrong answers that is borne.

        It is that of the largest risk listed that is not above `risk`; between two listed ones nothing is known, and
        what is known for the lesser keeps the greater too. 0 for a risk of 1, whatever is listed: all is answered.
        Infinite for a risk below all listed: no confidence was seen to keep it, and nothing is answered.
        """
        if risk >= 1:
            return 0.0
        return next((least for kept, least in reversed(self.thresholds) if kept <= risk), math.inf)


def _share_of(value: object) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError(f"{value!r} is not from 0 to 1")
    return number


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def features(
    asked: Query, readings: Sequence[Reading], words: Words, *, similarity: float, carried: bool
) -> dict[str, float]:
    """The values of FEATURES for the best reading; all 0 where there is none.

    They are of the question as it was put, whatever was searched for: the last answer, carried over, is similar to its
    own passage and shares its words with it, and that says nothing of what is asked now.

    reader_score      the best sentence's score
    reader_margin     how far it is above the next best sentence
    dense_similarity  of the question and the best sentence's passage, the inner product of their vectors: `similarity`
    words_covered     the share of the question's words, stemmed, that the best sentence's passage holds
    names_covered     the same of its names and numbers, which a false premise most often has wrong; 1 where it has none
    carried           1 where what was said before was carried over: such a form is read less sharply, and scores less
    """
    if not readings:
        return dict.fromkeys(FEATURES, 0.0)
    best = readings[0]
    passage = best.hit.passage
    held = frozenset(words(f"{passage.document.title} {passage.heading} {passage.text}"))
    names = " ".join(CAPITALISED_OR_NUMBER.findall(asked.text))
    return {
        "reader_score": best.score,
        "reader_margin": best.score - readings[1].score if len(readings) > 1 else 0.0,
        "dense_similarity": similarity,
        "words_covered": _share(words(asked.text), held, 0.0),
        "names_covered": _share(words(names), held, 1.0),
        CARRIED: float(carried),
    }


def _share(asked: Sequence[str], held: frozenset[str], of_none: float) -> float:
    return len(held.intersection(asked)) / len(set(asked)) if asked else of_none
