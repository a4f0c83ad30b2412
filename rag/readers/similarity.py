"""The reader `similarity`: untrained; a sentence scores by how its words match the question's to the encoder."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.embedded.lexical import Words
from index.encoders.encoder import Encoder, Encoding
from index.types import Document, Hit, Sentence
from rag.readers.highlight import highlight
from rag.readers.load import READINGS, Reading
from rag.types import Query

_PASSAGE_WEIGHT = 0.1
"""What the passage's own score, 0 to 1, adds to its sentences' (measured on train/squad2: hit@1 .765 to .773)."""
_REMEMBERED = 4096
"""Sentences whose encodings are kept: about 50 kB each."""


@dataclass(frozen=True, slots=True, eq=False)
class _Encoded:
    """What is remembered of a sentence."""

    pieces: NDArray[np.float32]
    ids: frozenset[int]


class SimilarityReader:
    """Late interaction (Khattab & Zaharia 2020): each word piece of the question takes its best match in the sentence.

    A sentence's score is the mean of those inner products, weighted by how rare the word piece is among the
    sentences read (BM25's inverse document frequency), and a little of its passage's score.
    """

    name = "similarity"

    def __init__(self, encoder: Encoder, words: Words) -> None:
        self._encoder = encoder
        self._words = words
        self._remembered: OrderedDict[tuple[str, int, int], _Encoded] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
        scored = [
            (match + _PASSAGE_WEIGHT * hit.score, hit, sentence) for match, hit, sentence in self.match(query, hits)
        ]
        scored.sort(key=lambda one: -one[0])
        return [
            Reading(hit, sentence, score, highlight(query.text, hit.passage.document, sentence.span, self._words))
            for score, hit, sentence in scored[:READINGS]
        ]

    def match(self, query: Query, hits: Sequence[Hit]) -> list[tuple[float, Hit, Sentence]]:
        """How well each sentence of the passages matches, about 0 to 1, as they stand there, headings left out."""
        places = [(hit, sentence) for hit in hits for sentence in hit.passage.sentences if not sentence.heading]
        sentences = self._encode([(hit.passage.document, sentence) for hit, sentence in places])
        matches = _late_interaction(query.encoding, sentences, _rarity(query.encoding, sentences))
        return [(match, hit, sentence) for match, (hit, sentence) in zip(matches, places, strict=True)]

    def _encode(self, sentences: Sequence[tuple[Document, Sentence]]) -> list[_Encoded]:
        keys = [(document.id, sentence.span.start, sentence.span.end) for document, sentence in sentences]
        with self._lock:
            known = {key: self._remembered[key] for key in keys if key in self._remembered}
        missing = {
            key: document[sentence.span].strip()
            for key, (document, sentence) in zip(keys, sentences, strict=True)
            if key not in known
        }
        for key, encoding in zip(missing, self._encoder.encode_pieces(list(missing.values())), strict=True):
            known[key] = _Encoded(encoding.pieces, frozenset(encoding.ids.tolist()))
        with self._lock:
            for key in keys:
                self._remembered[key] = known[key]
                self._remembered.move_to_end(key)
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return [known[key] for key in keys]


def _rarity(question: Encoding, sentences: Sequence[_Encoded]) -> NDArray[np.float32]:
    """(n,): the weight of each word piece of the question, summing to 1."""
    idf = []
    for piece in question.ids.tolist():
        holding = sum(piece in sentence.ids for sentence in sentences)
        idf.append(math.log1p((len(sentences) - holding + 0.5) / (holding + 0.5)))
    return np.array(idf, np.float32) / (sum(idf) or 1.0)


def _late_interaction(
    question: Encoding, sentences: Sequence[_Encoded], weights: NDArray[np.float32]
) -> Sequence[float]:
    """Of each sentence, the weighted mean of what each word piece of the question finds as its best match there."""
    scores = [0.0] * len(sentences)
    # reduceat gives no sense for a sentence without word pieces
    filled = [n for n, sentence in enumerate(sentences) if len(sentence.pieces)]
    if not filled or not len(weights):
        return scores
    starts = np.cumsum([0, *(len(sentences[n].pieces) for n in filled[:-1])])
    products = question.pieces @ np.concatenate([sentences[n].pieces for n in filled]).T
    best = weights @ np.maximum.reduceat(products, starts, axis=1)
    for n, score in zip(filled, best.tolist(), strict=True):
        scores[n] = score
    return scores
