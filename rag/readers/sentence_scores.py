"""Scores of word pieces become scores of sentences, each with its best span, and these become readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.types import Hit, Span
from rag.readers.model import MASKED
from rag.readers.widen_to_words import whole_words
from rag.types import Reading

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
            low, high, best = best_span(start[first : first + size], end[first : first + size])
            spans.append((first + low, first + high))
            span = best - start[0] - end[0]
            scores.append(span / 2 + evidence_weight * (evidence[number] - evidence[0]))
    return SentenceScores(numbers[numbers > 0], np.array(scores, np.float32), np.array(spans, np.int64).reshape(-1, 2))


def best_span(start: NDArray[np.float32], end: NDArray[np.float32]) -> tuple[int, int, np.float32]:
    """First and last piece and score of the best span of at most LONGEST_ANSWER pieces."""
    size = len(start)
    both = start[:, None] + end[None, :]
    # it ends no sooner than it starts
    allowed = np.tri(size, size, LONGEST_ANSWER - 1, bool) & ~np.tri(size, size, -1, bool)
    place = int(np.where(allowed, both, -np.inf).argmax())
    return place // size, place % size, both.flat[place]


@dataclass(frozen=True, slots=True)
class Best:
    """A sentence's best span."""

    score: float
    span: Span
    """In the document's offsets."""


def readings_of(hits: Sequence[Hit], found: Mapping[tuple[int, int], Best]) -> list[Reading]:
    """The sentences of the passages as they stand there, headings left out, each with its best span made whole words.

    `found` has them by the passage's place and the sentence's number, from 1. A sentence that is not in it is marked
    whole and scores MASKED: nothing of it is a word piece, or it stands beyond what the model reads.
    """
    readings = []
    for row, hit in enumerate(hits):
        text = hit.passage.document.text
        for number, sentence in enumerate(hit.passage.sentences, start=1):
            if sentence.heading:
                continue
            if best := found.get((row, number)):
                reading = Reading(hit, sentence, best.score, whole_words(best.span, sentence.span, text))
            else:
                reading = Reading(hit, sentence, MASKED, sentence.span.trimmed(text))
            readings.append(reading)
    return readings
