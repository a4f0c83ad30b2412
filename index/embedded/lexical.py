"""Lexical search: BM25 over stemmed words."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import bm25s
import numpy as np
import Stemmer
from bm25s import stopwords
from bm25s.tokenization import Tokenized
from numpy.typing import NDArray

from index.embedded.bm25 import K1, B, Counts, Part
from index.errors import SettingsError

FOLDER = "lexical"

# ISO 639-1 codes of the Snowball stemmers
STEMMERS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch",
    "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish",
    "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip

_STOPWORDS = {
    "da": stopwords.STOPWORDS_DANISH, "de": stopwords.STOPWORDS_GERMAN, "en": stopwords.STOPWORDS_EN,
    "es": stopwords.STOPWORDS_SPANISH, "fr": stopwords.STOPWORDS_FRENCH, "it": stopwords.STOPWORDS_ITALIAN,
    "nl": stopwords.STOPWORDS_DUTCH, "no": stopwords.STOPWORDS_NORWEGIAN, "pt": stopwords.STOPWORDS_PORTUGUESE,
    "ru": stopwords.STOPWORDS_RUSSIAN, "sv": stopwords.STOPWORDS_SWEDISH, "tr": stopwords.STOPWORDS_TURKISH,
}  # fmt: skip

_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE = re.compile(r"['’]s\b")


class Words:
    """A text as the words that BM25 counts: folded, without stop words, stemmed."""

    def __init__(self, language: str) -> None:
        if language not in STEMMERS:
            raise SettingsError(
                f"there is no stemmer for the language {language!r}", f"Choose one of {', '.join(STEMMERS)}"
            )
        self.language = language
        self._stemmer = Stemmer.Stemmer(STEMMERS[language])
        self._stopwords = frozenset(_STOPWORDS.get(language, ()))
        # a text's words recur, and a stemmer's call costs more than a look-up
        self._stem = lru_cache(maxsize=1 << 16)(self._stem_of)
        self._of_word = lru_cache(maxsize=1 << 16)(lambda word: frozenset(self(word)))

    def __call__(self, text: str) -> list[str]:
        folded = _APOSTROPHE.sub("", unicodedata.normalize("NFKC", text).casefold())
        return [stem for word in _WORD.findall(folded) if (stem := self._stem(word))]

    def of_word(self, word: str) -> frozenset[str]:
        """The stems of one word, and quickly: a hyphenated one has several, a stop word none."""
        return self._of_word(word)

    def _stem_of(self, word: str) -> str:
        """Empty for a stop word."""
        return "" if word in self._stopwords else str(self._stemmer.stemWord(word))


class LexicalIndex:
    """BM25 (Robertson & Zaragoza 2009; Lucene's variant, k1 1.5, b .75); a row is a passage's number."""

    def __init__(self, scorer: bm25s.BM25, counts: Counts, words: Words, part: Part | None = None) -> None:
        self._scorer = scorer
        self._counts = counts
        self._part = part
        self.words = words

    @classmethod
    def build(cls, texts: Sequence[str], language: str = "en") -> LexicalIndex:
        words = Words(language)
        vocabulary: dict[str, int] = {}
        ids = [[vocabulary.setdefault(word, len(vocabulary)) for word in words(text)] for text in texts]
        scorer = bm25s.BM25(method="lucene", k1=K1, b=B)
        # an empty vocabulary cannot be indexed: a word that no question holds stands in
        if not vocabulary:
            vocabulary[""] = 0
            ids = [[0] for _ in texts]
        counts = Counts.of(ids)
        scorer.index(Tokenized(ids=ids, vocab=vocabulary), show_progress=False)
        return cls(scorer, counts, words)

    @classmethod
    def open(cls, folder: Path) -> LexicalIndex:
        about = json.loads((folder / FOLDER / "about.json").read_text(encoding="utf-8"))
        scorer = bm25s.BM25.load(folder / FOLDER, load_corpus=False, show_progress=False)
        return cls(scorer, Counts.open(folder / FOLDER), Words(about["language"]))

    def save(self, folder: Path) -> None:
        self._scorer.save(folder / FOLDER, show_progress=False)
        self._counts.save(folder / FOLDER)
        about = {"language": self.words.language}
        (folder / FOLDER / "about.json").write_text(json.dumps(about), encoding="utf-8")

    def only(self, rows: NDArray[np.int64]) -> LexicalIndex:
        """The passages at these rows of the edition, which ascend, numbered anew from 0 and scored among themselves."""
        return LexicalIndex(self._scorer, self._counts, self.words, Part(self._counts, rows))

    def __len__(self) -> int:
        return len(self._counts if self._part is None else self._part)

    def search(self, text: str, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(scores float32, rows int64), each (m,), best first, m <= k: only what shares a word with `text`."""
        # a word repeated in the question weighs once: repetition there is no emphasis
        known = [word for word in Counter(self.words(text)) if word in self._scorer.vocab_dict]
        if not known:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        scores = self._scores(known)
        found = min(k, int((scores > 0).sum()))
        least = np.partition(scores, len(scores) - found)[len(scores) - found] if found else np.inf
        # equal scores in order of row, those among them too that stand at the k-th place
        best = np.flatnonzero(scores >= least).astype(np.int64)
        best = best[np.argsort(-scores[best], kind="stable")][:found]
        return scores[best], best

    def _scores(self, words: list[str]) -> NDArray[np.float32]:
        if self._part is None:
            return np.asarray(self._scorer.get_scores(words), np.float32)
        return self._part.scores([self._scorer.vocab_dict[word] for word in words])
