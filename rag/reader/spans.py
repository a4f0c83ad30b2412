"""Scores of word pieces become scores of sentences, each with its best span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST_ANSWER = 30
"""Word pieces."""


@dataclass(frozen=True, slots=True, eq=False)
class SentenceScores:
    """What a model makes of the sentences of one pair, in the order in which they stand."""

    numbers: NDArray[np.int64]
    """From 1, in the passage."""
    scores: NDArray[np.float32]
    spans: NDArray[np.int64]
    """(sentences, 2): first and last piece of the best span, counted from the first piece of the pair."""


def score_sentences(
    start: NDArray[np.float32],
    end: NDArray[np.float32],
    evidence: NDArray[np.float32],
    sentences: NDArray[np.int64],
    evidence_weight: float = 1.0,
) -> SentenceScores:
    """Scores of a pair, each (length,) but `evidence` (1 + sentences,), as one score a sentence.

    A sentence scores by its best span and by itself as evidence, each less the score of there being none: what is
    left is comparable between passages and between questions.
    """
    numbers, firsts, sizes = np.unique(sentences, return_index=True, return_counts=True)
    scores, spans = [], []
    for number, first, size in zip(numbers.tolist(), firsts.tolist(), sizes.tolist(), strict=True):
        if number:
            # a span of at most so many pieces that ends no sooner than it starts
            both = start[first : first + size, None] + end[None, first : first + size]
            both = np.where(np.tri(size, size, LONGEST_ANSWER - 1, bool) & ~np.tri(size, size, -1, bool), both, -np.inf)
            place = int(both.argmax())
            spans.append((first + place // size, first + place % size))
            span = both.flat[place] - start[0] - end[0]
            scores.append(span / 2 + evidence_weight * (evidence[number] - evidence[0]))
    return SentenceScores(numbers[numbers > 0], np.array(scores, np.float32), np.array(spans, np.int64).reshape(-1, 2))
