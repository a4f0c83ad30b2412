"""The reader `transformers:NAME`: an extractive question-answering model from this machine."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from index.encoders.local_models import check_vocabulary, load_offline, loading
from index.errors import ModelError
from index.types import Hit, Passage, Query, Span
from rag.readers.names import TRANSFORMERS
from rag.readers.sentence_scores import Best, best_span, readings_of
from rag.readers.word_pieces import LONGEST, Framed
from rag.types import READINGS, Reading

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_TOGETHER = 16
"""The batch size, in windows."""
_SHORTEST = 32
"""The fewest word pieces that a model must read at a time, to hold a question and a passage."""


class ExtractiveReader:
    """Scores a sentence by its best span: start and end logit minus those of the first piece, which mean "no answer".

    A passage that is too long to be read with its question is read in windows. Half of each window's share of the
    passage is in the next window too. A sentence gets its best score of all windows.
    """

    def __init__(self, name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
        self.name = f"{TRANSFORMERS}{name}"
        self._model = model
        self._tokenizer = tokenizer
        # the tokenizer stores truncation and stride as its state, so only one thread may use it at a time
        self._lock = threading.Lock()
        self._length = min(LONGEST, int(tokenizer.model_max_length), _positions(model))
        if self._length < _SHORTEST:
            raise ModelError(
                f"the model {name!r} reads only {self._length} word pieces, expected {_SHORTEST} or more",
                "Choose another model",
            )

    @classmethod
    def load(cls, name: str) -> ExtractiveReader:
        """Loads the model at this path, or with this name in the local cache. Raises ModelError if there is none."""
        load_offline()
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer, PreTrainedTokenizerFast

        local = {"local_files_only": True, "trust_remote_code": False}
        wanted = "a folder with an extractive question-answering model in safetensors"
        with loading(f"the reader's model {name!r}", wanted, name):
            model, info = AutoModelForQuestionAnswering.from_pretrained(
                name, use_safetensors=True, output_loading_info=True, dtype=torch.float32, **local
            )
            tokenizer = AutoTokenizer.from_pretrained(name, **local)
        if info["missing_keys"]:
            # transformers fills missing weights with random numbers
            raise ModelError(
                f"the model {name!r} lacks the weights {', '.join(sorted(info['missing_keys'])[:3])}",
                "Name a model that was trained for extractive question answering",
            )
        if not isinstance(tokenizer, PreTrainedTokenizerFast):
            raise ModelError(
                f"the tokenizer of {name!r} does not say where in the text its pieces stand",
                "Name a model with a fast tokenizer (tokenizer.json)",
            )
        check_vocabulary(f"the reader's model {name!r}", model, tokenizer)
        return cls(name, model.eval(), tokenizer)

    def read(self, query: Query, hits: Sequence[Hit]) -> list[Reading]:
        if not hits:
            return []
        found = self._best([hit.passage for hit in hits], self._shortened(query.text))
        readings = readings_of(hits, found)
        readings.sort(key=lambda reading: -reading.score)
        return readings[:READINGS]

    def _best(self, passages: Sequence[Passage], question: str) -> dict[tuple[int, int], Best]:
        """(index of the passage, number of the sentence) -> the sentence's best span over all windows."""
        framed = [Framed.of(passage) for passage in passages]
        with self._lock:
            asked = len(self._tokenizer(question, add_special_tokens=False)["input_ids"])
            room = self._length - asked - self._tokenizer.num_special_tokens_to_add(pair=True)
            windows = self._tokenizer(
                [question] * len(framed),
                [one.text for one in framed],
                truncation="only_second",
                max_length=self._length,
                stride=room // 2,
                return_overflowing_tokens=True,
                return_offsets_mapping=True,
            )
        starts, ends = self._logits(windows)
        found: dict[tuple[int, int], Best] = {}
        for window, row in enumerate(windows["overflow_to_sample_mapping"]):
            of_passage = np.array([sequence == 1 for sequence in windows.sequence_ids(window)])
            offsets = np.array(windows["offset_mapping"][window], np.int64)
            numbers = np.where(of_passage, _sentences(passages[row], framed[row], offsets), 0)
            start, end = starts[window], ends[window]
            for number in np.unique(numbers[numbers > 0]).tolist():
                pieces = np.flatnonzero(numbers == number)
                first, last, span = best_span(start[pieces], end[pieces])
                score = float(span) - float(start[0] + end[0])
                if (row, number) not in found or score > found[row, number].score:
                    low, high = int(offsets[pieces[first], 0]), int(offsets[pieces[last], 1])
                    found[row, number] = Best(score, Span(low + framed[row].shift, high + framed[row].shift))
        return found

    def _logits(self, windows: Any) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """The start logits and the end logits of each window's pieces."""
        starts: list[NDArray[np.float32]] = []
        ends: list[NDArray[np.float32]] = []
        lengths = [len(ids) for ids in windows["input_ids"]]
        names = [name for name in self._tokenizer.model_input_names if name in windows]
        for at in range(0, len(lengths), _TOGETHER):
            some = slice(at, at + _TOGETHER)
            batch = self._tokenizer.pad(
                {name: windows[name][some] for name in names}, padding_side="right", return_tensors="pt"
            )
            with torch.inference_mode():
                scores = self._model(**batch)
            for row, length in enumerate(lengths[some]):
                starts.append(scores.start_logits[row, :length].float().numpy())
                ends.append(scores.end_logits[row, :length].float().numpy())
        return starts, ends

    def _shortened(self, question: str) -> str:
        """The question, cut so that it leaves half of the model's length to the passage."""
        with self._lock:
            encoded = self._tokenizer(question, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        most = self._length // 2
        offsets = encoded["offset_mapping"]
        return question if len(offsets) <= most else question[: offsets[most][0]]


def _positions(model: PreTrainedModel) -> int:
    """The number of positions that the model has."""
    for module in model.modules():
        table = getattr(module, "position_embeddings", None)
        if isinstance(table, torch.nn.Embedding):
            # some models number the positions from padding_idx + 1
            return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
    return LONGEST


def _sentences(passage: Passage, framed: Framed, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,): the number, from 1, of the sentence in which each piece begins; 0 for blank pieces and in headings."""
    starts = [max(framed.body, sentence.span.start - framed.shift) for sentence in passage.sentences]
    numbers = np.zeros(len(offsets), np.int64)
    for place, (start, end) in enumerate(offsets.tolist()):
        piece = framed.text[start:end]
        if piece.strip():
            # some tokenizers put the blank before a word into its piece
            begins = start + len(piece) - len(piece.lstrip())
            number = int(np.searchsorted(starts, begins, side="right"))
            numbers[place] = 0 if number and passage.sentences[number - 1].heading else number
    return numbers
