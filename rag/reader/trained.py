"""The reader `trained`: a small model of our own reads question and passage together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tokenizers
import torch

from index.encoder import processor_dtype
from index.errors import ModelError
from index.types import Hit, Span
from rag.reader import READINGS, Reading
from rag.reader.model import MASKED, ReaderModel, load_reader_model
from rag.reader.pieces import Framed, Ragged, collate, load_tokenizer, passage_pieces, question_pieces
from rag.reader.similarity import SimilarityReader
from rag.reader.spans import score_sentences
from rag.reader.whole import whole_words
from rag.types import Query

WEIGHTS = Path(__file__).parent / "weights" / "reader.safetensors"


_SIMILARITY_WEIGHT = 40.0
"""What a match of 0 to 1 between question and sentence, as the reader `similarity` finds it, adds to the odds. On tune
halves hit@1 without any, with both weights and with the match alone: .835, .835 and .803 (squad2), .774, .821 and .798
(clapnq), .649, .702 and .702 (the article); hit@3 .953, .961, .961; .905, .964, .940; .772, .860, .825."""
_PASSAGE_WEIGHT = 6.0
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
                "Train them with python -m rag.reader.train, or choose the reader 'similarity'",
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
        matches = iter(self._similarity.match(query, hits))
        readings = []
        for row, hit in enumerate(hits):
            framed = Framed.of(hit.passage)
            text = hit.passage.document.text
            read = score_sentences(start[row], end[row], evidence[row], batch.sentences[row].numpy())
            found = dict(zip(read.numbers.tolist(), zip(read.scores.tolist(), read.spans, strict=True), strict=True))
            for number, sentence in enumerate(hit.passage.sentences, start=1):
                if sentence.heading:
                    continue
                match, _, _ = next(matches)
                # where it is not found, nothing of it is a word piece, or it stands beyond what the model reads
                odds, marked = MASKED, sentence.span.trimmed(text)
                if number in found:
                    odds, span = found[number]
                    low, high = (pieces[row].offsets[place - first] for place in span)
                    pieced = Span(int(low[0]) + framed.shift, int(high[1]) + framed.shift)
                    marked = whole_words(pieced, sentence.span, text)
                score = odds + _SIMILARITY_WEIGHT * match + _PASSAGE_WEIGHT * hit.score
                readings.append(Reading(hit, sentence, score, marked))
        readings.sort(key=lambda reading: -reading.score)
        return readings[:READINGS]
