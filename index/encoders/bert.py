"""BERT's forward pass in plain PyTorch: importing transformers takes longer than answering a question."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class BertConfig:
    layers: int
    heads: int
    hidden: int
    eps: float

    @classmethod
    def read(cls, file: Path) -> Self:
        values = json.loads(file.read_text(encoding="utf-8"))
        names = ("num_hidden_layers", "num_attention_heads", "hidden_size", "layer_norm_eps")
        return cls(*(values[name] for name in names))


class Bert:
    """A BERT encoder (Devlin et al. 2019) with a checkpoint's own parameter names.

    `weights` holds the tensors by those names, query, key and value joined into one: replace one by a
    parameter to train it, or by a tensor on another device to compute there.
    """

    def __init__(self, config: BertConfig, weights: Mapping[str, Tensor], dtype: torch.dtype = torch.float32) -> None:
        self.config = config
        self.dtype = dtype
        self.weights = {name: weight.to(dtype) for name, weight in weights.items() if weight.is_floating_point()}
        for n in range(config.layers):
            # one product instead of three
            for kind in ("weight", "bias"):
                parts = [f"encoder.layer.{n}.attention.self.{part}.{kind}" for part in ("query", "key", "value")]
                self.weights[f"encoder.layer.{n}.attention.self.{kind}"] = torch.cat(
                    [self.weights.pop(part) for part in parts]
                )

    @classmethod
    def load(cls, folder: Path, dtype: torch.dtype = torch.float32) -> Self:
        """The model in `folder`, which holds config.json and model.safetensors."""
        return cls(BertConfig.read(folder / "config.json"), load_file(folder / "model.safetensors"), dtype)

    def __call__(self, ids: Tensor, mask: Tensor, types: Tensor | None = None) -> Tensor:
        """The last hidden states, (batch, length, hidden), of word-piece `ids`, int64 (batch, length).

        `mask`, bool (batch, length), is False at padding. `types`, int64 (batch, length), is 0 in the first text of a
        pair and 1 in the second; without it there is one text.
        """
        w, config = self.weights, self.config
        batch, length = ids.shape
        x = functional.embedding(ids, w["embeddings.word_embeddings.weight"])
        kinds = w["embeddings.token_type_embeddings.weight"]
        x = x + w["embeddings.position_embeddings.weight"][:length] + (kinds[0] if types is None else kinds[types])
        x = self._norm(x, "embeddings.LayerNorm")
        # attention is faster without a mask; on a GPU, checking whether one is needed would wait for all pending work
        seen = None if not mask.is_cuda and bool(mask.all()) else mask[:, None, None, :]
        for n in range(config.layers):
            layer = f"encoder.layer.{n}"
            qkv = self._linear(x, f"{layer}.attention.self").view(batch, length, 3, config.heads, -1)
            query, key, value = qkv.permute(2, 0, 3, 1, 4)
            attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
            attended = attended.transpose(1, 2).reshape(batch, length, config.hidden)
            x = self._norm(
                x + self._linear(attended, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm"
            )
            inner = functional.gelu(self._linear(x, f"{layer}.intermediate.dense"))
            x = self._norm(x + self._linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        return x

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return functional.layer_norm(x, (self.config.hidden,), weight, bias, self.config.eps)
