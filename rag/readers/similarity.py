"""The reader `similarity`: late interaction between question and sentence, without training."""

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.encoders.encoder import Encoder
from index.text.words import Words
from index.types import Document, Encoding, Hit, Query, Sentence, Span
from rag.readers.highlight import highlight
from rag.types import READINGS, Reading

_PASSAGE_WEIGHT = 0.1
"""The weight of the passage's score, 0 to 1, in the scores of its sentences."""
_CACHED = 4096
"""The most sentences whose encodings are cached, about 50 kB each."""


class SentenceMatcher:
    """Late interaction (Khattab & Zaharia 2020): each word piece of the question finds its best match in the sentence.

    Safe to use from several threads.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._cache = OrderedDict[tuple[str, Span], Encoding]()
        self._lock = threading.Lock()

    def match(self, query: Query, sentences: Sequence[tuple[Document, Sentence]]) -> list[float]:
        """A score of about 0 to 1 for each of `sentences`, in their order.

        The mean of the best inner products, weighted by the rarity of the word pieces among `sentences` (BM25's
        inverse document frequency).
        """
        encoded = self._encode(sentences)
        scores = [0.0] * len(encoded)
        # reduceat needs at least one word piece in each sentence
        filled = [n for n, sentence in enumerate(encoded) if len(sentence.pieces)]
        if filled and len(query.encoding.pieces):
            starts = np.cumsum([0, *(len(encoded[n].pieces) for n in filled[:-1])])
            products = query.encoding.pieces @ np.concatenate([encoded[n].pieces for n in filled]).T
            best = _rarity(query.encoding, encoded) @ np.maximum.reduceat(products, starts, axis=1)
            for n, score in zip(filled, best.tolist(), strict=True):
                scores[n] = score
        return scores

    def _encode(self, sentences: Sequence[tuple[Document, Sentence]]) -> list[Encoding]:
        keys = [(document.id, sentence.span) for document, sentence in sentences]
        with self._lock:
            known = {key: self._cache[key] for key in keys if key in self._cache}
        missing = {
            key: document[sentence.span].strip()
            for key, (document, sentence) in zip(keys, sentences, strict=True)
            if key not in known
        }
        known |= zip(missing, self._encoder.encode_pieces(list(missing.values())), strict=True)
        with self._lock:
            for key in keys:
                self._cache[key] = known[key]
                self._cache.move_to_end(key)
            while len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return [known[key] for key in keys]


@dataclass(frozen=True, slots=True, eq=False)
class SimilarityReader:
    """Scores a sentence by its match with the question and, a little, by its passage's score."""

    name = "similarity"
    matcher: SentenceMatcher
    words: Words

    def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
        places = [(hit, sentence) for hit in hits for sentence in hit.passage.sentences if not sentence.heading]
        matches = self.matcher.match(query, [(hit.passage.document, sentence) for hit, sentence in places])
        scores = [match + _PASSAGE_WEIGHT * hit.score for match, (hit, _) in zip(matches, places, strict=True)]
        best = sorted(zip(scores, places, strict=True), key=lambda scored: -scored[0])[:READINGS]
        return [
            Reading(hit, sentence, score, highlight(query.text, hit.passage.document, sentence.span, self.words))
            for score, (hit, sentence) in best
        ]


def _rarity(question: Encoding, sentences: Sequence[Encoding]) -> NDArray[np.float32]:
    """(n,): the weight of each word piece of the question. They sum to 1."""
    ids = [frozenset(sentence.ids.tolist()) for sentence in sentences]
    holding = [sum(piece in sentence for sentence in ids) for piece in question.ids.tolist()]
    idf = [math.log1p((len(ids) - count + 0.5) / (count + 0.5)) for count in holding]
    return np.array(idf, np.float32) / (sum(idf) or 1.0)
