"""The reader `trained`: a small model, trained for quoth, that reads question and passage together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import tokenizers
import torch

from index.encoders.packaged import processor_dtype
from index.errors import ModelError
from index.types import Hit, Query, Span
from rag.readers.model import ReaderModel, load_reader_model
from rag.readers.sentence_scores import readings_of, score_sentences
from rag.readers.similarity import SentenceMatcher
from rag.readers.word_pieces import Framed, collate, load_tokenizer, passage_pieces, question_pieces
from rag.types import READINGS, Reading

WEIGHTS = Path(__file__).parent / "weights" / "reader.safetensors"

_MATCH_WEIGHT = 20.0
"""Log-odds that a full match between question and sentence adds."""
_PASSAGE_WEIGHT = 4.0
"""Log-odds that a passage's score of 1 adds to its sentences."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainedReader:
    """Scores a sentence by the log-odds that it answers, its match with the question, and its passage's score.

    The log-odds are those of its best span and of the sentence as evidence, each against no answer in the passage.
    The match knows nothing of answers, but its encoder has seen far more text.
    """

    name = "trained"
    model: ReaderModel
    tokenizer: tokenizers.Tokenizer
    matcher: SentenceMatcher

    @classmethod
    def load(cls, matcher: SentenceMatcher, file: Path = WEIGHTS) -> Self:
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
        [question] = question_pieces(self.tokenizer, [query.text])
        passages = passage_pieces(self.tokenizer, [hit.passage for hit in hits])
        batch = collate([(question, pieces.ids, pieces.sentences) for pieces in passages])
        with torch.inference_mode():
            scores = self.model(batch)
        start, end, evidence = scores.start.numpy(), scores.end.numpy(), scores.evidence.numpy()
        # the passage begins after [CLS], the question and [SEP]
        begins = len(question) + 2
        best = {}
        for row, (hit, pieces) in enumerate(zip(hits, passages, strict=True)):
            shift = Framed.of(hit.passage).shift
            numbers = batch.sentences[row].numpy()
            for number, score, first, last in score_sentences(start[row], end[row], evidence[row], numbers):
                low, high = pieces.offsets[[first - begins, last - begins], [0, 1]].tolist()
                best[row, number] = score, Span(low + shift, high + shift)
        readings = list(readings_of(hits, best))
        matches = self.matcher.match(query, [(reading.hit.passage.document, reading.sentence) for reading in readings])
        readings = [
            replace(reading, score=reading.score + _MATCH_WEIGHT * match + _PASSAGE_WEIGHT * reading.hit.score)
            for reading, match in zip(readings, matches, strict=True)
        ]
        return sorted(readings, key=lambda reading: -reading.score)[:READINGS]
