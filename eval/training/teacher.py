"""A larger model that teaches: the same heads over all-mpnet-base-v2, and its scores of every example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor, nn

from eval.training.cache import Cache, Kind
from index.encoders.local_models import load_offline
from index.errors import ModelError
from index.files import replace_whole
from rag.readers.model import MASKED, ReaderModel, Scores
from rag.readers.word_pieces import Batch, Ragged, collate, first_places, moved

_SHIFT = 4
"""MPNet's vocabulary is BERT's behind four word pieces of its own, so that both read the same pieces of a text."""
_START, _PADDING, _SEPARATOR = 0, 1, 2
_FIRST_WORD = 999
"""Word pieces before this are special or not used."""
_BATCH = 64


class MpnetTrunk(nn.Module):
    """MPNet (Song et al. 2020) over the student's word pieces; it tells question from passage by the separator."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model
        model.embeddings.requires_grad_(False)

    def forward(self, batch: Batch) -> Tensor:
        ids = batch.ids + _SHIFT
        first = torch.zeros_like(batch.mask)
        first[:, 0] = True
        # a text never holds the separator itself: it would be a special piece
        closing = (batch.ids == 102) & batch.mask
        ids = ids.masked_fill(first, _START).masked_fill(closing, _SEPARATOR).masked_fill(~batch.mask, _PADDING)
        hidden: Tensor = self._model(input_ids=ids, attention_mask=batch.mask.to(torch.int64)).last_hidden_state
        return hidden


def untrained_teacher(folder: Path, base: Path, device: torch.device, seed: int) -> ReaderModel:
    """The teacher before training, over the MPNet in `folder`; `base` is the student's, to compare vocabularies.

    Raises ModelError where it is no MPNet, or reads other word pieces than the student.
    """
    load_offline()
    from transformers import MPNetModel

    remedy = "Name the folder of all-mpnet-base-v2"
    try:
        own, others = _vocabulary(base), _vocabulary(folder)
        model = MPNetModel.from_pretrained(folder, add_pooling_layer=False, local_files_only=True, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{folder}: no MPNet can be read there: {error}", remedy) from error
    if any(others.get(piece) != number + _SHIFT for piece, number in own.items() if number >= _FIRST_WORD):
        raise ModelError(f"{folder}: its word pieces are not those of all-MiniLM-L6-v2", remedy)
    return ReaderModel(MpnetTrunk(model), model.config.hidden_size, seed).to(device)


def _vocabulary(folder: Path) -> dict[str, int]:
    given = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = given["model"]["vocab"]
    return vocabulary


class Taught:
    """A teacher's scores of the examples of one cache."""

    def __init__(self, cache: Cache, start: Ragged, end: Ragged, evidence: Ragged, checksum: str) -> None:
        self.checksum = checksum
        """Of the cache, which the scores belong to."""
        self._cache = cache
        self._start, self._end, self._evidence = start, end, evidence

    @classmethod
    def read(cls, file: Path, cache: Cache) -> Taught:
        """Raises ModelError where the scores cannot be read or belong to another cache."""
        try:
            with safe_open(file, framework="np") as opened:
                checksum = (opened.metadata() or {}).get("cache", "")
                flat = {name: opened.get_tensor(name) for name in ("start", "end", "evidence")}
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{file}: no scores can be read there: {error}", "Train the teacher again") from error
        if checksum != cache.checksum:
            raise ModelError(f"{file}: the scores belong to other examples", "Train the teacher on these")
        pieces, sentences = _starts(cache)
        return cls(
            cache,
            Ragged(flat["start"], pieces),
            Ragged(flat["end"], pieces),
            Ragged(flat["evidence"], sentences),
            checksum,
        )

    def scores(self, rows: NDArray[np.int64], length: int, sentences: int, device: torch.device) -> Scores:
        """The scores of a batch of the pairs `rows`, of this length and with so many sentences."""
        first = first_places(self._cache.questions, self._cache.pairs[rows, 0])[:, None]
        places = np.arange(length)[None] - first + 1
        places = np.where(places >= 1, places, -1)
        places[:, 0] = 0
        numbers = np.broadcast_to(np.arange(sentences + 1), (len(rows), sentences + 1))
        parts = ((self._start, places), (self._end, places), (self._evidence, numbers))
        return Scores(
            *(moved(torch.from_numpy(part.gather(rows, at, np.float32, MASKED)), device) for part, at in parts)
        )


def teach(model: ReaderModel, cache: Cache, file: Path, length: int, device: torch.device, dtype: torch.dtype) -> None:
    """Writes the scores that `model`, the teacher, gives to every example that is trained on."""
    pieces, sentences = _starts(cache)
    start, end = (np.full(pieces[-1], MASKED, np.float16) for _ in range(2))
    evidence = np.full(sentences[-1], MASKED, np.float16)
    rows = np.flatnonzero(cache.kinds != Kind.HELD)
    rows = rows[np.argsort(cache.lengths()[rows], kind="stable")]
    model.eval()
    for at in range(0, len(rows), _BATCH):
        some = rows[at : at + _BATCH]
        batch = collate(cache.questions, cache.passages, cache.sentences, cache.pairs[some], length)
        with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            scores = model(batch.to(device))
        first = first_places(cache.questions, cache.pairs[some, 0])
        for out, starts, part in ((start, pieces, scores.start), (end, pieces, scores.end)):
            found = part.cpu().numpy()
            for n, row in enumerate(some.tolist()):
                own = out[starts[row] : starts[row + 1]]
                own[0] = found[n, 0]
                read = found[n, first[n] :][: len(own) - 1]
                own[1 : 1 + len(read)] = read
        found = scores.evidence.cpu().numpy()
        for n, row in enumerate(some.tolist()):
            own = evidence[sentences[row] : sentences[row + 1]]
            own[: found.shape[1]] = found[n, : len(own)]
    replace_whole(file, save({"start": start, "end": end, "evidence": evidence}, {"cache": cache.checksum}))


def _starts(cache: Cache) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each pair's scores begin: one for no answer and one for each word piece; the same for each sentence."""
    most = np.zeros(len(cache.passages), np.int64)
    filled = cache.passages.sizes > 0
    most[filled] = np.maximum.reduceat(cache.sentences.flat, cache.sentences.starts[:-1][filled])
    passages = cache.pairs[:, 1]
    return tuple(np.concatenate([[0], np.cumsum(1 + sizes[passages])]) for sizes in (cache.passages.sizes, most))  # type: ignore[return-value]
