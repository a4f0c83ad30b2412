"""The reader `transformers:NAME`: a user's own extractive question-answering model from Hugging Face."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from index.encoders.local_models import LOCAL, check_offsets, check_vocabulary, loading
from index.errors import ModelError
from index.types import Hit, Passage, Query, Span
from rag.readers.names import TRANSFORMERS
from rag.readers.sentence_scores import Best, best_span, readings_of
from rag.readers.word_pieces import LONGEST, Framed, sentence_numbers
from rag.types import READINGS, Reading

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_TOGETHER = 16
"""Windows in one forward pass."""
_SHORTEST = 32
"""Word pieces. A model that reads fewer cannot hold a question together with a passage."""


class ExtractiveReader:
    """Scores a sentence by its best span: its start and end logits less those of the first piece (no answer).

    A passage that is too long for the model is read in windows that overlap by half. A sentence has its best score
    in any window.
    """

    def __init__(self, name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
        self.name = f"{TRANSFORMERS}{name}"
        self._model = model
        self._tokenizer = tokenizer
        # truncation, stride and padding are state of the tokenizer, which threads would change for each other
        self._lock = threading.Lock()
        self._length = min(LONGEST, int(tokenizer.model_max_length), _positions(model))
        if self._length < _SHORTEST:
            raise ModelError(
                f"the model {name!r} reads only {self._length} word pieces, expected {_SHORTEST} or more",
                "Choose another model",
            )

    @classmethod
    def load(cls, name: str) -> ExtractiveReader:
        """The model of this path, or of this name in the local cache. Raises ModelError if there is none."""
        wanted = "a folder with an extractive question-answering model in safetensors"
        with loading(f"the reader's model {name!r}", wanted, name):
            from transformers import AutoModelForQuestionAnswering, AutoTokenizer

            model, info = AutoModelForQuestionAnswering.from_pretrained(
                name, use_safetensors=True, output_loading_info=True, dtype=torch.float32, **LOCAL
            )
            tokenizer: Any = AutoTokenizer.from_pretrained(name, **LOCAL)
        if info["missing_keys"]:
            # the library fills missing weights with random numbers
            raise ModelError(
                f"the model {name!r} lacks the weights {', '.join(sorted(info['missing_keys'])[:3])}",
                "Name a model that was trained for extractive question answering",
            )
        check_offsets(repr(name), tokenizer)
        check_vocabulary(f"the reader's model {name!r}", model, tokenizer)
        return cls(name, model.eval(), tokenizer)

    def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
        if not hits:
            return []
        best = self._best([hit.passage for hit in hits], self._shortened(query.text))
        return sorted(readings_of(hits, best), key=lambda reading: -reading.score)[:READINGS]

    def _best(self, passages: Sequence[Passage], question: str) -> dict[tuple[int, int], Best]:
        """(passage's index, sentence's number) -> its best span in any window."""
        framed = [Framed.of(passage) for passage in passages]
        with self._lock:
            question_length = len(self._tokenizer(question, add_special_tokens=False)["input_ids"])
            room = self._length - question_length - self._tokenizer.num_special_tokens_to_add(pair=True)
            windows = self._tokenizer(
                [question] * len(framed),
                [passage.text for passage in framed],
                truncation="only_second",
                max_length=self._length,
                stride=room // 2,
                padding=True,
                padding_side="right",
                return_overflowing_tokens=True,
                return_offsets_mapping=True,
                return_tensors="pt",
            )
        starts, ends = self._logits(windows)
        best: dict[tuple[int, int], Best] = {}
        for window, row in enumerate(windows["overflow_to_sample_mapping"].tolist()):
            of_passage = np.array([sequence == 1 for sequence in windows.sequence_ids(window)])
            offsets = windows["offset_mapping"][window].numpy()
            numbers = np.where(of_passage, _sentences(passages[row], framed[row], offsets), 0)
            start, end, shift = starts[window], ends[window], framed[row].shift
            for number in np.unique(numbers[numbers > 0]).tolist():
                pieces = np.flatnonzero(numbers == number)
                first, last, score = best_span(start[pieces], end[pieces])
                span = Span(int(offsets[pieces[first], 0]) + shift, int(offsets[pieces[last], 1]) + shift)
                net = float(score) - float(start[0] + end[0])
                if (row, number) not in best or net > best[row, number][0]:
                    best[row, number] = net, span
        return best

    def _logits(self, windows: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(windows, length): the logits of each piece as a start and as an end."""
        inputs = {name: windows[name].split(_TOGETHER) for name in self._tokenizer.model_input_names if name in windows}
        with torch.inference_mode():
            scores = [
                self._model(**dict(zip(inputs, batch, strict=True))) for batch in zip(*inputs.values(), strict=True)
            ]
        starts, ends = [batch.start_logits for batch in scores], [batch.end_logits for batch in scores]
        return torch.cat(starts).float().numpy(), torch.cat(ends).float().numpy()

    def _shortened(self, question: str) -> str:
        """The question, cut so that half of the model's length is left for the passage."""
        with self._lock:
            encoded = self._tokenizer(question, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        most = self._length // 2
        offsets = encoded["offset_mapping"]
        return question if len(offsets) <= most else question[: offsets[most][0]]


def _positions(model: PreTrainedModel) -> int:
    """The number of pieces that the model has positions for."""
    for module in model.modules():
        table = getattr(module, "position_embeddings", None)
        if isinstance(table, torch.nn.Embedding):
            # some models number the positions from just after the padding's number
            return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
    return LONGEST


def _sentences(passage: Passage, framed: Framed, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,): the number, from 1, of the sentence in which each piece begins; 0 in headings and where it is blank."""
    pieces = [framed.text[start:end] for start, end in offsets.tolist()]
    # some tokenizers put the blank before a word into its piece
    blanks = np.array([len(piece) - len(piece.lstrip()) for piece in pieces])
    numbers = sentence_numbers(passage, offsets[:, 0] + blanks)
    return np.where([not piece.strip() for piece in pieces], 0, numbers)
