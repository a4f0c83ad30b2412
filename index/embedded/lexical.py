"""Lexical search: BM25 over stemmed words, with bm25s."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import bm25s
import numpy as np
from bm25s.tokenization import Tokenized
from numpy.typing import NDArray

from index.embedded.bm25 import K1, B, Postings, SubsetScorer
from index.text.words import words_of

FOLDER = "lexical"


class LexicalIndex:
    """BM25 (Robertson & Zaragoza 2009; Lucene's variant, k1 1.5, b 0.75). A row is a passage's number."""

    def __init__(
        self, scorer: bm25s.BM25, postings: Postings, language: str, subset: SubsetScorer | None = None
    ) -> None:
        self._scorer = scorer
        self._postings = postings
        self._language = language
        self._subset = subset

    @classmethod
    def build(cls, texts: Sequence[str], language: str = "en") -> Self:
        words = words_of(language)
        vocabulary: dict[str, int] = {}
        ids = [[vocabulary.setdefault(word, len(vocabulary)) for word in words(text)] for text in texts]
        scorer = bm25s.BM25(method="lucene", k1=K1, b=B)
        # bm25s cannot index an empty vocabulary, so it gets a word that no question contains
        if not vocabulary:
            vocabulary[""] = 0
            ids = [[0] for _ in texts]
        postings = Postings.of(ids)
        scorer.index(Tokenized(ids=ids, vocab=vocabulary), show_progress=False)
        return cls(scorer, postings, language)

    @classmethod
    def open(cls, folder: Path) -> Self:
        about = json.loads((folder / FOLDER / "about.json").read_text(encoding="utf-8"))
        scorer = bm25s.BM25.load(folder / FOLDER, load_corpus=False, show_progress=False)
        return cls(scorer, Postings.open(folder / FOLDER), about["language"])

    def save(self, folder: Path) -> None:
        self._scorer.save(folder / FOLDER, show_progress=False)
        self._postings.save(folder / FOLDER)
        (folder / FOLDER / "about.json").write_text(json.dumps({"language": self._language}), encoding="utf-8")

    def only(self, rows: NDArray[np.int64]) -> Self:
        """The passages at these rows of the edition (ascending), renumbered from 0 and scored as if alone."""
        return type(self)(self._scorer, self._postings, self._language, SubsetScorer(self._postings, rows))

    def __len__(self) -> int:
        return len(self._postings if self._subset is None else self._subset)

    def search(self, text: str, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(scores float32, rows int64), each (m,), best first; m <= k, since each row shares a word with `text`."""
        # a repeated word counts once: repetition in a question does not mean emphasis
        known = [word for word in dict.fromkeys(words_of(self._language)(text)) if word in self._scorer.vocab_dict]
        if not known:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        scores = self._scores(known)
        m = min(k, int((scores > 0).sum()))
        least = np.partition(scores, len(scores) - m)[len(scores) - m] if m else np.inf
        # equal scores come in order of row, also at the k-th place
        best = np.flatnonzero(scores >= least).astype(np.int64)
        best = best[np.argsort(-scores[best], kind="stable")][:m]
        return scores[best], best

    def _scores(self, words: list[str]) -> NDArray[np.float32]:
        if self._subset is None:
            return np.asarray(self._scorer.get_scores(words), np.float32)
        return self._subset.scores([self._scorer.vocab_dict[word] for word in words])
