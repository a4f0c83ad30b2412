"""The reader `trained`: a small model of our own reads question and passage together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tokenizers
import torch

from index.encoders.encoder import processor_dtype
from index.errors import ModelError
from index.types import Hit, Span
from rag.readers.load import READINGS, Reading
from rag.readers.model import ReaderModel, load_reader_model
from rag.readers.sentence_scores import Best, readings_of, score_sentences
from rag.readers.similarity import SimilarityReader
from rag.readers.word_pieces import Framed, Ragged, collate, load_tokenizer, passage_pieces, question_pieces
from rag.types import Query

WEIGHTS = Path(__file__).parent / "weights" / "reader.safetensors"


_SIMILARITY_WEIGHT = 20.0
"""What a match of 0 to 1 between question and sentence, as the reader `similarity` finds it, adds to the odds. On tune
halves hit@1 without any, with both weights and with the match alone: .850, .866 and .803 (squad2), .774, .833 and .798
(clapnq), .632, .702 and .702 (the article); hit@3 .945, .961, .961; .917, .964, .940; .754, .825, .825."""
_PASSAGE_WEIGHT = 4.0
"""What the passage's own score, 0 to 1, adds."""


class TrainedReader:
    """Scores a sentence by the odds that it answers, by how well it matches the question, and by its passage.

    The odds are of its best span and of itself as evidence, each against there being no answer in the passage. The
    match knows nothing of answers, but has seen far more text.
    """

    name = "trained"

    def __init__(self, model: ReaderModel, tokenizer: tokenizers.Tokenizer, similarity: SimilarityReader) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._similarity = similarity

    @classmethod
    def load(cls, similarity: SimilarityReader, file: Path = WEIGHTS) -> TrainedReader:
        """Raises ModelError where there are no weights, or not those that there should be."""
        if not file.is_file():
            raise ModelError(
                f"{file}: the trained reader has no weights yet",
                "Train them with python -m eval.training.train, or choose the reader 'similarity'",
            )
        return cls(load_reader_model(file, processor_dtype()), load_tokenizer(), similarity)

    def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
        if not hits:
            return []
        asked = Ragged.of(question_pieces(self._tokenizer, [query.text]), np.uint16)
        pieces = passage_pieces(self._tokenizer, [hit.passage for hit in hits])
        pairs = np.array([(0, row) for row in range(len(hits))])
        batch = collate(
            asked,
            Ragged.of((one.ids for one in pieces), np.uint16),
            Ragged.of((one.sentences for one in pieces), np.uint8),
            pairs,
        )
        with torch.inference_mode():
            scores = self._model(batch)
        start, end, evidence = scores.start.numpy(), scores.end.numpy(), scores.evidence.numpy()
        first = int(asked.sizes[0]) + 2
        found = {}
        for row, (hit, one) in enumerate(zip(hits, pieces, strict=True)):
            read = score_sentences(start[row], end[row], evidence[row], batch.sentences[row].numpy())
            shift = Framed.of(hit.passage).shift
            for number, odds, span in zip(read.numbers.tolist(), read.scores.tolist(), read.spans, strict=True):
                low, high = (one.offsets[place - first] for place in span)
                found[row, number] = Best(odds, Span(int(low[0]) + shift, int(high[1]) + shift))
        readings = [
            replace(one, score=one.score + _SIMILARITY_WEIGHT * match + _PASSAGE_WEIGHT * one.hit.score)
            for one, (match, _, _) in zip(readings_of(hits, found), self._similarity.match(query, hits), strict=True)
        ]
        readings.sort(key=lambda reading: -reading.score)
        return readings[:READINGS]
