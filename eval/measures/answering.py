"""Measures of answering and abstaining: the shares answered, rightly left unanswered, and answered wrong."""

from __future__ import annotations

from eval.measures.types import Measure, Table

MEASURES = (
    Measure("answered_hit@1", "share of answerable questions that were answered, by a first citation that holds gold",
            lambda case: case.answered and case.is_hit(1) if case.question.gold else None,
            tables=Table.SYSTEMS | Table.CATEGORIES),
    Measure("answered", "share of answerable questions that were answered",
            lambda case: case.answered if case.question.answerable else None),
    Measure("correct_empty", "share of unanswerable questions that were left unanswered",
            lambda case: None if case.question.answerable else case.row is not None and not case.answered,
            tables=Table.SYSTEMS | Table.CATEGORIES),
    Measure("wrong", "share of the answered questions whose first citation holds no gold",
            lambda case: not case.is_hit(1) if case.answered and case.judged else None, lower_is_better=True),
)  # fmt: skip
