"""Encoders from sentence-transformers: any model on this machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from index.encoders.encoder import PACKAGED
from index.encoders.local_models import LOCAL, check_modules, check_offsets, check_vocabulary, loading
from index.errors import ModelError, SettingsError
from index.types import Encoding

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class SentenceTransformersEncoder:
    """Any sentence-transformers model with a fast tokenizer."""

    def __init__(self, name: str, model: SentenceTransformer, checksum: str) -> None:
        check_offsets(f"the encoder {name!r}", getattr(model[0], "tokenizer", None))
        check_vocabulary(f"encoder {name!r}", model, model.tokenizer)
        dimension = model.get_embedding_dimension()
        if dimension is None or model.max_seq_length is None:
            raise ModelError(f"encoder {name!r} states no dimension or no sequence length", "Choose another model")
        self.name = name
        self.checksum = checksum
        self.dimension = int(dimension)
        self._model = model
        # truncation and padding are state of the tokenizer, so one thread at a time may use it
        self._lock = threading.RLock()
        special = len(model.tokenizer("").input_ids)
        self.max_tokens = int(model.max_seq_length) - special
        if self.max_tokens < 16:
            raise SettingsError(f"encoder {name!r} reads only {self.max_tokens} tokens", "Choose another model")

    @classmethod
    def load(cls, name: str) -> SentenceTransformersEncoder:
        wanted = f"{PACKAGED!r}, nor a folder with a sentence-transformers model in safetensors,"
        with loading(f"encoder {name!r}", wanted, name):
            from sentence_transformers import SentenceTransformer

            check_modules(name, "sentence-transformers")
            model = SentenceTransformer(name, device="cpu", model_kwargs={"use_safetensors": True}, **LOCAL)
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
        with self._lock:
            outputs: Any = self._model.encode(list(texts), output_value=None, show_progress_bar=False)
            encoded = self._model.tokenizer(
                list(texts),
                truncation=True,
                max_length=self._model.max_seq_length,
                return_offsets_mapping=True,
                return_special_tokens_mask=True,
            )
        encodings = []
        for n, output in enumerate(outputs):
            kept = ~np.array(encoded["special_tokens_mask"][n], bool)
            vector = functional.normalize(output["sentence_embedding"].float(), dim=0).numpy()
            pieces = functional.normalize(output["token_embeddings"][: len(kept)].float(), dim=1).numpy()
            ids, offsets = np.array(encoded["input_ids"][n]), np.array(encoded["offset_mapping"][n])
            encodings.append(Encoding(vector, pieces[kept], ids[kept], offsets[kept]))
        return encodings

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        with self._lock:
            encoded = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]
