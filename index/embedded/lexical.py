"""Lexical search: BM25 over stemmed words, with bm25s; over some of the passages, as if there were no others."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Self

import bm25s
import numpy as np
from bm25s.tokenization import Tokenized
from numpy.typing import NDArray

from index.text.words import words_of

FOLDER = "lexical"
_K1, _B = 1.5, 0.75


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


class _SubsetScorer:
    """Scores the passages at some rows, ascending.

    bm25s computes word weights once, over all passages. Scores for a subset need the counts, so that hidden passages do
    not influence them.
    """

    def __init__(self, postings: Postings, rows: NDArray[np.int64]) -> None:
        self.rows = rows
        self._postings = postings
        self._places = np.full(len(postings.lengths), -1, np.int32)
        self._places[rows] = np.arange(len(rows))
        lengths = postings.lengths[rows]
        # if no passage has a word, no entry will need the average
        average = lengths.mean() if lengths.any() else np.float64(1)
        # here and below: the operations of bm25s in the same order, so that scores agree to the last bit
        self._damping = _K1 * ((1 - _B) + _B * lengths / average)

    def scores(self, words: Iterable[int]) -> NDArray[np.float32]:
        """(rows,): the BM25 score of each passage for these distinct words."""
        size = len(self.rows)
        scores = np.zeros(size, np.float32)
        for word in words:
            entries = slice(self._postings.starts[word], self._postings.starts[word + 1])
            places = self._places[self._postings.rows[entries]]
            inside = places >= 0
            places, times = places[inside], self._postings.times[entries][inside].astype(np.float32)
            rarity = np.float32(math.log(1 + (size - len(places) + 0.5) / (len(places) + 0.5)))
            scores[places] += (rarity * (times / (self._damping[places] + times))).astype(np.float32)
        return scores


class LexicalIndex:
    """BM25 (Robertson & Zaragoza 2009; Lucene's variant, k1 1.5, b 0.75). A row is a passage's number."""

    def __init__(
        self, scorer: bm25s.BM25, postings: Postings, language: str, rows: NDArray[np.int64] | None = None
    ) -> None:
        self._scorer = scorer
        self._postings = postings
        self._language = language
        self._subset = None if rows is None else _SubsetScorer(postings, rows)

    @classmethod
    def build(cls, texts: Sequence[str], language: str = "en") -> Self:
        words = words_of(language)
        vocabulary: dict[str, int] = {}
        ids = [[vocabulary.setdefault(word, len(vocabulary)) for word in words(text)] for text in texts]
        scorer = bm25s.BM25(method="lucene", k1=_K1, b=_B)
        # bm25s cannot index an empty vocabulary, so it gets a word that no question contains
        if not vocabulary:
            vocabulary[""] = 0
            ids = [[0] for _ in texts]
        scorer.index(Tokenized(ids=ids, vocab=vocabulary), show_progress=False)
        return cls(scorer, Postings.of(ids), language)

    @classmethod
    def open(cls, edition: Path) -> Self:
        folder = edition / FOLDER
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        scorer = bm25s.BM25.load(folder, load_corpus=False, show_progress=False)
        return cls(scorer, Postings.open(folder), about["language"])

    def save(self, edition: Path) -> None:
        folder = edition / FOLDER
        self._scorer.save(folder, show_progress=False)
        self._postings.save(folder)
        (folder / "about.json").write_text(json.dumps({"language": self._language}), encoding="utf-8")

    def only(self, rows: NDArray[np.int64]) -> Self:
        """The passages at these rows, ascending, scored as if there were no others."""
        return type(self)(self._scorer, self._postings, self._language, rows)

    def search(self, text: str, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(scores float32, rows int64), each (m,), best first; m <= k, since each row shares a word with `text`."""
        # a repeated word counts once: repetition in a question does not mean emphasis
        known = [word for word in dict.fromkeys(words_of(self._language)(text)) if word in self._scorer.vocab_dict]
        if not known:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        if self._subset:
            scores = self._subset.scores(self._scorer.vocab_dict[word] for word in known)
        else:
            scores = np.asarray(self._scorer.get_scores(known), np.float32)
        m = min(k, int((scores > 0).sum()))
        least = np.partition(scores, len(scores) - m)[len(scores) - m] if m else np.inf
        # equal scores come in order of row, also at the k-th place
        best = np.flatnonzero(scores >= least).astype(np.int64)
        best = best[np.argsort(-scores[best], kind="stable")][:m]
        return scores[best], self._subset.rows[best] if self._subset else best
