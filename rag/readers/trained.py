"""The reader `trained`: a small model, trained for quoth, that reads question and passage together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tokenizers
import torch

from index.encoders.packaged import processor_dtype
from index.errors import ModelError
from index.types import Hit, Query, Span
from rag.readers.model import ReaderModel, load_reader_model
from rag.readers.sentence_scores import Best, readings_of, score_sentences
from rag.readers.similarity import SentenceMatcher
from rag.readers.word_pieces import Framed, Ragged, collate, load_tokenizer, passage_pieces, question_pieces
from rag.types import READINGS, Reading

WEIGHTS = Path(__file__).parent / "weights" / "reader.safetensors"


_MATCH_WEIGHT = 20.0
"""Log-odds that a full match between question and sentence adds."""
_PASSAGE_WEIGHT = 4.0
"""Log-odds that a passage's score of 1 adds to its sentences."""


class TrainedReader:
    """Scores a sentence by three terms: the model's log-odds, its match with the question, and its passage's score.

    The model gives log-odds for the sentence's best span and for the sentence as evidence. Both are relative to "no
    answer in this passage". The match is a similarity of embeddings: it is not trained to find answers, but its encoder
    was trained on far more text.
    """

    name = "trained"

    def __init__(self, model: ReaderModel, tokenizer: tokenizers.Tokenizer, matcher: SentenceMatcher) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._matcher = matcher

    @classmethod
    def load(cls, matcher: SentenceMatcher, file: Path = WEIGHTS) -> TrainedReader:
        """Raises ModelError if the weights are missing or damaged."""
        if not file.is_file():
            raise ModelError(
                f"{file}: the trained reader has no weights yet",
                "Train them with python -m eval.training.train, or choose the reader 'similarity'",
            )
        return cls(load_reader_model(file, processor_dtype()), load_tokenizer(), matcher)

    def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
        if not hits:
            return []
        question = Ragged.of(question_pieces(self._tokenizer, [query.text]), np.uint16)
        pieces = passage_pieces(self._tokenizer, [hit.passage for hit in hits])
        pairs = np.array([(0, row) for row in range(len(hits))])
        batch = collate(
            question,
            Ragged.of((passage.ids for passage in pieces), np.uint16),
            Ragged.of((passage.sentences for passage in pieces), np.uint8),
            pairs,
        )
        with torch.inference_mode():
            scores = self._model(batch)
        start, end, evidence = scores.start.numpy(), scores.end.numpy(), scores.evidence.numpy()
        # the passage's first word piece, after [CLS], the question and [SEP]
        first = int(question.sizes[0]) + 2
        best = {}
        for row, (hit, passage) in enumerate(zip(hits, pieces, strict=True)):
            sentences = score_sentences(start[row], end[row], evidence[row], batch.sentences[row].numpy())
            shift = Framed.of(hit.passage).shift
            numbered = zip(sentences.numbers.tolist(), sentences.scores.tolist(), sentences.spans, strict=True)
            for number, log_odds, span in numbered:
                low, high = (passage.offsets[place - first] for place in span)
                best[row, number] = Best(log_odds, Span(int(low[0]) + shift, int(high[1]) + shift))
        readings = readings_of(hits, best)
        matches = self._matcher.match(query, [(reading.hit.passage.document, reading.sentence) for reading in readings])
        readings = [
            replace(reading, score=reading.score + _MATCH_WEIGHT * match + _PASSAGE_WEIGHT * reading.hit.score)
            for reading, match in zip(readings, matches, strict=True)
        ]
        readings.sort(key=lambda reading: -reading.score)
        return readings[:READINGS]
