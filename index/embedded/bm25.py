"""BM25 over a subset of the passages, as if there were no others.

bm25s computes word weights once, over all passages. Scores for a subset need the counts, so that hidden passages do
not influence them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

K1 = 1.5
B = 0.75


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """How often each word occurs in each passage. Words are numbers, passages are rows."""

    starts: NDArray[np.int64]
    """(words + 1,): the entries of word w are starts[w] to starts[w + 1]."""
    rows: NDArray[np.int32]
    """(entries,): a passage that contains the word, ascending within a word."""
    times: NDArray[np.int32]
    """(entries,): how often the passage contains it."""
    lengths: NDArray[np.int32]
    """(passages,): the number of words of each passage."""

    @classmethod
    def of(cls, passages: Sequence[Sequence[int]]) -> Self:
        """The postings of passages given as lists of word numbers."""
        lengths = np.array([len(words) for words in passages], np.int32)
        words = np.fromiter(chain.from_iterable(passages), np.int64, int(lengths.sum()))
        rows = np.repeat(np.arange(len(passages)), lengths)
        entries, times = np.unique(words * len(passages) + rows, return_counts=True)
        words, rows = np.divmod(entries, len(passages))
        starts = np.searchsorted(words, np.arange(words.max(initial=-1) + 2))
        return cls(starts.astype(np.int64), rows.astype(np.int32), times.astype(np.int32), lengths)

    @classmethod
    def open(cls, folder: Path) -> Self:
        # memory-mapped: nothing is read unless a subset is searched
        return cls(*(np.load(folder / f"counts.{field.name}.npy", mmap_mode="r") for field in fields(cls)))

    def save(self, folder: Path) -> None:
        for field in fields(self):
            np.save(folder / f"counts.{field.name}.npy", getattr(self, field.name))

    def __len__(self) -> int:
        return len(self.lengths)


class SubsetScorer:
    """Scores the passages at some rows (ascending), renumbered from 0."""

    def __init__(self, postings: Postings, rows: NDArray[np.int64]) -> None:
        self._postings = postings
        self._size = len(rows)
        self._new_rows = np.full(len(postings), -1, np.int32)
        self._new_rows[rows] = np.arange(len(rows))
        lengths = postings.lengths[rows]
        # if no passage has a word, no entry will need the average
        average = lengths.mean() if lengths.any() else np.float64(1)
        # here and below: the operations of bm25s in the same order, so that scores agree to the last bit
        self._damping = K1 * ((1 - B) + B * lengths / average)

    def __len__(self) -> int:
        return self._size

    def scores(self, words: Sequence[int]) -> NDArray[np.float32]:
        """(len(self),): the BM25 score of each passage for these distinct words."""
        scores = np.zeros(self._size, np.float32)
        for word in words:
            entries = slice(self._postings.starts[word], self._postings.starts[word + 1])
            rows = self._new_rows[self._postings.rows[entries]]
            inside = rows >= 0
            rows, times = rows[inside], self._postings.times[entries][inside].astype(np.float32)
            rarity = np.float32(math.log(1 + (self._size - len(rows) + 0.5) / (len(rows) + 0.5)))
            scores[rows] += (rarity * (times / (self._damping[rows] + times))).astype(np.float32)
        return scores
