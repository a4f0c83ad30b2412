"""Turns a model's scores of word pieces into scores of sentences with their best spans, and these into readings."""

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
"""The longest span, in word pieces."""


@dataclass(frozen=True, slots=True, eq=False)
class SentenceScores:
    """A model's scores of the sentences of one pair, in the order of the text."""

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
    """Scores each sentence of a pair. `evidence` is (1 + sentences,), the other arrays are (length,).

    A sentence's score is a weighted sum of its best span's score and its score as evidence. From each, the score of "no
    answer" is subtracted, so that scores of different passages and different questions can be compared.
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
    """The first piece, the last piece and the score of the best span of at most LONGEST_ANSWER pieces."""
    size = len(start)
    both = start[:, None] + end[None, :]
    # a span does not end before it starts
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
    """One reading for each sentence of the passages, in order, without headings. Best spans are widened to whole words.

    The keys of `found` are (index of the passage, number of the sentence, from 1). A sentence that is not in `found` is
    marked whole and scores MASKED: it has no word pieces, or it comes after the last one that the model reads.
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
