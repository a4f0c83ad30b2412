"""Judging: reads the passages found for a form, and estimates a calibrated confidence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from index.encoders.encoder import Encoder
from index.errors import ModelError
from index.text.chunk import searchable
from index.text.words import Words
from index.types import Hit, Query
from rag.calibration import CARRIED, Calibration, features
from rag.types import Form, Judgement, Reader, Reading

READ = 8
"""The most passages that are read for a question."""

_QUESTION_SHARE = 0.6
"""The weight of the question as it was asked, if a form with carried-over text is read."""
_SHOWN_SHARE = 0.7
"""The same weight for a sentence that the last answer showed: the carried-over text repeats such a sentence."""


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """A reader together with its calibration. Nothing else knows what a reader's score means."""

    reader: Reader
    calibration: Calibration
    encoder: Encoder
    words: Words

    def judge(self, form: Form, question: Query, query: Query, hits: Sequence[Hit]) -> Judgement:
        """Reads the best of `hits` and estimates how likely they answer.

        `question` is the question as it was asked, `query` the form's text; they are the same unless the form carries
        earlier turns. Raises ModelError if a score is not a finite number.
        """
        readings = self.reader.read(query, hits[:READ])
        if form.carried:
            readings = _mixed(self.reader.read(question, hits[:READ]), readings, form)
        if not all(math.isfinite(reading.score) for reading in readings):
            raise ModelError(
                f"the reader {self.reader.name!r} gives scores that are not finite numbers, expected finite ones",
                "Its weights are damaged: get them again, or choose another reader",
            )
        similarity = self._similarity(form, question, readings[0].hit) if readings else 0.0
        values = features(question, readings, self.words, similarity=similarity, carried=form.carried)
        return Judgement(
            form=form,
            hits=tuple(hits),
            readings=tuple(readings),
            contributions=self.calibration.contributions(values),
            bias=self.calibration.bias,
            confidence=self.calibration.confidence(values),
            confidence_if_not_carried=self.calibration.confidence(values | {CARRIED: 0.0}),
        )

    def _similarity(self, form: Form, question: Query, hit: Hit) -> float:
        """The inner product of passage and question, as it was asked; 0 if dense search did not find the passage."""
        if not form.carried:
            return hit.found_by.get("dense", 0.0)
        return float(question.encoding.vector @ self.encoder.encode([searchable(hit.passage)])[0])


def _mixed(of_question: Sequence[Reading], of_form: Sequence[Reading], form: Form) -> list[Reading]:
    """Combines two lists of readings of the same passages: weighted means of the scores, best first.

    A sentence that one list lacks gets that list's lowest score there.
    """
    scores, form_scores = ({reading.excerpt.place: reading.score for reading in its} for its in (of_question, of_form))
    lowest, form_lowest = min(scores.values(), default=0.0), min(form_scores.values(), default=0.0)
    readings = []
    for place, reading in {reading.excerpt.place: reading for reading in (*of_question, *of_form)}.items():
        share = _SHOWN_SHARE if _was_shown(reading, form) else _QUESTION_SHARE
        score = share * scores.get(place, lowest) + (1 - share) * form_scores.get(place, form_lowest)
        readings.append(replace(reading, score=score))
    readings.sort(key=lambda reading: -reading.score)
    return readings[: max(len(of_question), len(of_form))]


def _was_shown(reading: Reading, form: Form) -> bool:
    """Whether the last answer showed this sentence. If only its text is known, an equal sentence counts as well."""
    excerpt = reading.excerpt
    if form.shown:
        return any(place.document_id == excerpt.document.id and place.span.covers(excerpt.span) for place in form.shown)
    return excerpt.text in form.shown_text
