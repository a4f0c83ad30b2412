"""BM25 of some of the passages as if there were no others: from counts, since bm25s weighs words when it indexes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

K1 = 1.5
B = 0.75


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """How often each word stands in each passage; a word is a number, a passage its row."""

    starts: NDArray[np.int64]
    """(words + 1,): where the entries of each word begin, and where those of the last end."""
    rows: NDArray[np.int32]
    """(entries,): a passage that holds the word; they ascend within a word."""
    times: NDArray[np.int32]
    """(entries,): and how often."""
    lengths: NDArray[np.int32]
    """(passages,): how many words each has."""

    @classmethod
    def of(cls, passages: Sequence[Sequence[int]]) -> Counts:
        """Of passages as the words they hold, in any order."""
        lengths = np.array([len(words) for words in passages], np.int32)
        words = np.fromiter(chain.from_iterable(passages), np.int64, int(lengths.sum()))
        rows = np.repeat(np.arange(len(passages)), lengths)
        entries, times = np.unique(words * len(passages) + rows, return_counts=True)
        words, rows = np.divmod(entries, len(passages))
        starts = np.searchsorted(words, np.arange(words.max(initial=-1) + 2))
        return cls(starts.astype(np.int64), rows.astype(np.int32), times.astype(np.int32), lengths)

    @classmethod
    def open(cls, folder: Path) -> Counts:
        # mapped: where everyone may read everything nothing of it is needed
        return cls(*(np.load(_file(folder, field.name), mmap_mode="r") for field in fields(cls)))

    def save(self, folder: Path) -> None:
        for field in fields(self):
            np.save(_file(folder, field.name), getattr(self, field.name))

    def __len__(self) -> int:
        return len(self.lengths)


class Part:
    """The passages at some rows, which ascend, numbered anew from 0."""

    def __init__(self, counts: Counts, rows: NDArray[np.int64]) -> None:
        self._counts = counts
        self._size = len(rows)
        self._places = np.full(len(counts), -1, np.int32)
        self._places[rows] = np.arange(len(rows))
        lengths = counts.lengths[rows]
        # passages without a word have no average to be measured by, and no entry that asks for it
        average = lengths.mean() if lengths.any() else np.float64(1)
        # here and below the operations of bm25s in their order, so that not a bit of a score differs
        self._damping = K1 * ((1 - B) + B * lengths / average)

    def __len__(self) -> int:
        return self._size

    def scores(self, words: Sequence[int]) -> NDArray[np.float32]:
        """(len(self),): how well each passage matches these words, none of which is named twice."""
        scores = np.zeros(self._size, np.float32)
        for word in words:
            entries = slice(self._counts.starts[word], self._counts.starts[word + 1])
            places = self._places[self._counts.rows[entries]]
            seen = places >= 0
            places, times = places[seen], self._counts.times[entries][seen].astype(np.float32)
            rarity = np.float32(math.log(1 + (self._size - len(places) + 0.5) / (len(places) + 0.5)))
            scores[places] += (rarity * (times / (self._damping[places] + times))).astype(np.float32)
        return scores


def _file(folder: Path, name: str) -> Path:
    return folder / f"counts.{name}.npy"
