"""The reader `similarity`: no training; a sentence scores by how well its words match the question's, in the encoder's eyes."""

from __future__ import annotations

import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.encoder import Encoder, Encoding
from index.lexical import Words
from index.types import Document, Hit, Sentence
from rag.reader import Reading
from rag.reader.highlight import highlight
from rag.types import Query

_PASSAGE_WEIGHT = 0.1
"""What the passage's own score, 0 to 1, adds to its sentences' (measured on train/squad2: hit@1 .765 to .773)."""
_REMEMBERED = 4096
"""Sentences whose encodings are kept: about 50 kB each."""


class SimilarityReader:
    """Late interaction (Khattab & Zaharia 2020): each word piece of the question takes its best match in the sentence.

    A sentence's score is the mean of those inner products, weighted by how rare the word piece is among the
    sentences read (BM25's inverse document frequency), and a little of its passage's score.
    """

    name = "similarity"

    def __init__(self, encoder: Encoder, words: Words) -> None:
        self._encoder = encoder
        self._words = words
        self._remembered: OrderedDict[tuple[str, int, int], Encoding] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
        found = [(hit, s) for hit in hits for s in hit.passage.sentences if not s.heading]
        encodings = self._encode([(hit.passage.document, sentence) for hit, sentence in found])
        weights = _rarity(query.encoding, encodings)
        readings = [
            Reading(
                hit,
                sentence,
                score=_late_interaction(query.encoding, encoding, weights) + _PASSAGE_WEIGHT * hit.score,
                highlight=highlight(query.text, hit.passage.document, sentence.span, self._words),
            )
            for (hit, sentence), encoding in zip(found, encodings, strict=True)
        ]
        return sorted(readings, key=lambda reading: -reading.score)

    def _encode(self, sentences: Sequence[tuple[Document, Sentence]]) -> list[Encoding]:
        keys = [(document.id, sentence.span.start, sentence.span.end) for document, sentence in sentences]
        with self._lock:
            known = {key: self._remembered[key] for key in keys if key in self._remembered}
        missing = {
            key: document[sentence.span].strip()
            for key, (document, sentence) in zip(keys, sentences, strict=True)
            if key not in known
        }
        known |= zip(missing, self._encoder.encode_pieces(list(missing.values())), strict=True)
        with self._lock:
            for key in keys:
                self._remembered[key] = known[key]
                self._remembered.move_to_end(key)
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return [known[key] for key in keys]


def _rarity(question: Encoding, sentences: Sequence[Encoding]) -> NDArray[np.float32]:
    """(n,): the weight of each word piece of the question, summing to 1."""
    holding = Counter(piece for sentence in sentences for piece in set(sentence.ids.tolist()))
    idf = [math.log1p((len(sentences) - holding[id] + 0.5) / (holding[id] + 0.5)) for id in question.ids.tolist()]
    return np.array(idf, np.float32) / (sum(idf) or 1.0)


def _late_interaction(question: Encoding, sentence: Encoding, weights: NDArray[np.float32]) -> float:
    if not len(weights) or not len(sentence.pieces):
        return 0.0
    return float(weights @ (question.pieces @ sentence.pieces.T).max(axis=1))
