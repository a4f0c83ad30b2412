"""A judge: readings of the question as it was put and of a longer form are combined, and get a confidence."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from corpus_support import HashEncoder, query_for

from index.errors import ModelError, SettingsError
from index.text.sentences import split_sentences
from index.text.words import words_of
from index.types import Document, Hit, Passage, Query, Span
from rag.calibration import FEATURES, Calibration, features
from rag.judge import Judge
from rag.types import Form, Judgement, Place, Reading

TEXT = "It rained. It snowed. It froze. It thawed."
DOCUMENT = Document.of(TEXT, title="Weather")
SENTENCES = split_sentences(TEXT)
HIT = Hit(Passage(DOCUMENT, SENTENCES), 1.0, 1, {"dense": 0.25})
RAIN, SNOW, FROST, THAW = (sentence.span.trimmed(TEXT) for sentence in SENTENCES)
AS_PUT, LONGER = query_for("Why?"), query_for("What fell? Why?")


class ScoresByQuery:
    """A reader that gives the sentences at these spans these scores, by the text of the query."""

    name = "scores"

    def __init__(self, scores: dict[str, dict[Span, float]]) -> None:
        self._scores = scores

    def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
        scores = self._scores[query.text]
        readings = [
            Reading(HIT, sentence, scores[span], span)
            for sentence in SENTENCES
            if (span := sentence.span.trimmed(TEXT)) in scores
        ]
        return sorted(readings, key=lambda reading: -reading.score)


def judged(as_put: dict[Span, float], longer: dict[Span, float], form: Form | None = None) -> Judgement:
    reader = ScoresByQuery({AS_PUT.text: as_put, LONGER.text: longer})
    judge = Judge(reader, Calibration({"reader_score": 1.0}, 0.0, ()), HashEncoder(), words_of("en"))
    return judge.judge(form or Form(LONGER.text, carried=True), AS_PUT, LONGER, [HIT])


def test_two_readings_of_the_same_passages_are_combined() -> None:
    judgement = judged({RAIN: 0.9, SNOW: 0.8}, {FROST: 1.0, THAW: 0.5, RAIN: 0.2})
    # a sentence that a reading leaves out has the least of its scores
    expected = {FROST: 0.6 * 0.8 + 0.4 * 1.0, THAW: 0.6 * 0.8 + 0.4 * 0.5, RAIN: 0.6 * 0.9 + 0.4 * 0.2}
    assert [reading.excerpt.span for reading in judgement.readings] == list(expected)
    assert [reading.score for reading in judgement.readings] == pytest.approx(list(expected.values()))
    assert judgement.contributions["carried"].value == 1.0
    assert judged({}, {}).readings == ()
    assert [reading.excerpt.span for reading in judged({RAIN: 0.2}, {}).readings] == [RAIN]


@pytest.mark.parametrize(
    "shown",
    [
        {"shown": (Place(DOCUMENT.id, RAIN),)},
        {"shown": (Place(DOCUMENT.id, Span(0, SNOW.end)), Place("other", SNOW))},
        {"shown_text": "It began in May. It rained. It ended."},
    ],
)
def test_in_a_sentence_that_was_shown_last_the_carried_text_counts_less(shown: dict[str, object]) -> None:
    form = replace(Form(LONGER.text, carried=True), **shown)  # type: ignore[arg-type]
    judgement = judged({RAIN: 0.2, FROST: 0.3}, {RAIN: 0.9, FROST: 0.5}, form)
    scores = {reading.excerpt.span: reading.score for reading in judgement.readings}
    assert scores[RAIN] == pytest.approx(0.7 * 0.2 + 0.3 * 0.9)
    assert scores[FROST] == pytest.approx(0.6 * 0.3 + 0.4 * 0.5)


def test_an_equal_sentence_elsewhere_was_not_shown() -> None:
    form = Form(LONGER.text, carried=True, shown=(Place("another document", RAIN),))
    (reading,) = judged({RAIN: 0.2}, {RAIN: 0.9}, form).readings
    assert reading.score == pytest.approx(0.6 * 0.2 + 0.4 * 0.9)


def test_a_form_that_carries_nothing_is_read_once() -> None:
    judgement = judged({}, {RAIN: 0.9}, Form(LONGER.text))
    assert [reading.score for reading in judgement.readings] == [0.9]
    assert judgement.contributions["dense_similarity"].value == 0.25
    assert judgement.contributions["carried"].value == 0.0
    assert judgement.confidence == pytest.approx(1 / (1 + math.exp(-0.9)))


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_scores_that_are_not_finite_are_refused(score: float) -> None:
    with pytest.raises(ModelError, match=r"'scores'.*expected finite"):
        judged({RAIN: score}, {RAIN: 0.1})


def test_the_features_have_the_values_that_their_versions_stand_for() -> None:
    """Calibrations are fitted to these values. If a change moves one, raise the feature's version in FEATURES."""
    document = Document.of("The treaty with China was signed in 1961 by Kim Il Sung.", title="The 1961 treaty")
    passage = Passage(document, split_sentences(document.text), "Signing")
    hit = Hit(passage, 1.0, 1, {})
    readings = [Reading(hit, passage.sentences[0], score, Span(0, 3)) for score in (2.5, 1.0)]
    query = query_for("When did China and Russia sign the treaty of 1961?")
    values = features(query, readings, words_of("en"), similarity=0.5, carried=True)
    assert values == pytest.approx(
        {
            "reader_score": 2.5,
            "reader_margin": 1.5,
            "dense_similarity": 0.5,
            "words_covered": 4 / 7,
            "names_covered": 2 / 3,
            "carried": 1.0,
        }
    )
    assert dict.fromkeys(values, 1) == FEATURES


def test_a_calibration_of_another_version_of_a_feature_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "calibration.json"
    calibration = Calibration(dict.fromkeys(FEATURES, 1.0), 0.5, ((0.1, 0.9), (0.3, 0.5)))
    written = {"reader": "scores", **calibration.to_json()}
    file.write_text(json.dumps(written))
    assert Calibration.read(file, "scores") == calibration
    file.write_text(json.dumps({key: value for key, value in written.items() if key != "features"}))
    assert Calibration.read(file, "scores") == calibration
    for changed in (FEATURES | {"names_covered": 2}, FEATURES | {"new": 1}, {"reader_score": 1}, []):
        file.write_text(json.dumps(written | {"features": changed}))
        with pytest.raises(SettingsError, match=r"names_covered.*Fit one"):
            Calibration.read(file, "scores")
