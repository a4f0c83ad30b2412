"""Scores of word pieces become scores of sentences, each with its best span, and these become readings."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from index.types import Hit, Span
from rag.readers.model import MASKED
from rag.readers.widen_to_words import whole_words
from rag.types import Reading

LONGEST_ANSWER = 30
"""Word pieces."""
Best = tuple[float, Span]
"""A sentence's score and its best span, in the document's offsets."""


def score_sentences(
    start: NDArray[np.float32], end: NDArray[np.float32], evidence: NDArray[np.float32], sentences: NDArray[np.int64]
) -> Iterator[tuple[int, float, int, int]]:
    """Yields (number, score, first, last) of each sentence of a pair, in order.

    The arguments are a row of Scores and one of Batch. Numbers count from 1 in the passage. The first and the last
    piece of the sentence's best span count from the first piece of the pair. A sentence scores by its best span and as
    evidence, each less the score for no answer. The difference is comparable between passages and between questions.
    """
    numbers, places, sizes = np.unique(sentences, return_index=True, return_counts=True)
    for number, place, size in zip(numbers.tolist(), places.tolist(), sizes.tolist(), strict=True):
        if number:
            first, last, best = best_span(start[place : place + size], end[place : place + size])
            score = (best - start[0] - end[0]) / 2 + (evidence[number] - evidence[0])
            yield number, float(score), place + first, place + last


def best_span(start: NDArray[np.float32], end: NDArray[np.float32]) -> tuple[int, int, np.float32]:
    """First and last piece and score of the best span of at most LONGEST_ANSWER pieces."""
    size = len(start)
    # a span ends no sooner than it starts
    allowed = np.tri(size, size, LONGEST_ANSWER - 1, bool) & ~np.tri(size, size, -1, bool)
    scores = np.where(allowed, start[:, None] + end, -np.inf)
    place = int(scores.argmax())
    return place // size, place % size, scores.flat[place]


def readings_of(hits: Sequence[Hit], best: Mapping[tuple[int, int], Best]) -> Iterator[Reading]:
    """The sentences of the passages in their order, without headings; each best span is widened to whole words.

    `best` is keyed by the passage's index and the sentence's number, from 1. A sentence that it lacks is highlighted
    whole and scores MASKED: it has no word piece, or is beyond the end of what the model reads.
    """
    for row, hit in enumerate(hits):
        text = hit.passage.document.text
        for number, sentence in enumerate(hit.passage.sentences, start=1):
            if (row, number) in best:
                score, span = best[row, number]
                yield Reading(hit, sentence, score, whole_words(span, sentence.span, text))
            elif not sentence.heading:
                yield Reading(hit, sentence, MASKED, sentence.span.trimmed(text))
