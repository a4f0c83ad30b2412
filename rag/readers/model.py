"""The trained reader's model: all-MiniLM-L6-v2 with heads for spans, for evidence and for no answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from index.encoders.bert import Bert, BertConfig
from index.encoders.packaged import PACKAGED_SHA256, packaged_folder
from index.errors import ModelError
from rag.readers.word_pieces import Batch

ABOUT = {"format": "quoth-reader-2", "base": PACKAGED_SHA256}
"""The metadata that every file of a reader's weights has, besides how it was trained."""
MASKED = -1e4
"""The score of a place that cannot be chosen. Half precision can represent it."""
_REMEDY = "Train the reader again, or install quoth again, which brings its weights"


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The model's logits for a batch: higher is likelier, MASKED if the place cannot be chosen."""

    start: Tensor
    """(pairs, length): the answer starts at this piece; at the first piece, there is no answer."""
    end: Tensor
    """The same for the answer's last piece."""
    evidence: Tensor
    """(pairs, 1 + sentences): the sentence with this number answers; at 0, none does."""


class ReaderModel(nn.Module):
    """Heads over a trunk, which turns ids, mask and types into hidden states, (pairs, length, hidden)."""

    def __init__(self, trunk: Callable[[Tensor, Tensor, Tensor], Tensor], hidden: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.span = nn.Linear(hidden, 2)
        self.evidence = nn.Linear(hidden, 1)
        self.no_evidence = nn.Linear(hidden, 1)

    def forward(self, batch: Batch) -> Scores:
        hidden = self.trunk(batch.ids, batch.mask, batch.types).float()
        # the heads cost little, and in half precision their scores would be too coarse to rank by
        with torch.autocast(hidden.device.type, enabled=False):
            choosable = batch.sentences > 0
            choosable[:, 0] = True
            start, end = self.span(hidden).masked_fill(~choosable[..., None], MASKED).unbind(2)
            return Scores(start, end, self._evidence(hidden, batch.sentences))

    def _evidence(self, hidden: Tensor, sentences: Tensor) -> Tensor:
        # the mean over a sentence's pieces, as one product
        inside = functional.one_hot(sentences)[..., 1:].to(hidden.dtype)
        sizes = inside.sum(1)
        means = inside.transpose(1, 2) @ hidden / sizes.clamp(min=1)[..., None]
        scores = self.evidence(means).squeeze(2).masked_fill(sizes == 0, MASKED)
        return torch.cat([self.no_evidence(hidden[:, 0]), scores], 1)


def load_reader_model(file: Path, dtype: torch.dtype = torch.float32) -> ReaderModel:
    """The trained model for use, not for training; its layers compute in `dtype`.

    Raises ModelError if the file or the packaged base is missing, damaged or another one.
    """
    folder = packaged_folder()
    model = restore_model(file, folder, read_weights(folder / "model.safetensors", "embeddings."), dtype)
    return model.eval().requires_grad_(False)


def restore_model(
    file: Path, base: Path, weights: Mapping[str, Tensor], dtype: torch.dtype = torch.float32
) -> ReaderModel:
    """The model with the trained weights in `file`, and `weights` of the base, whose folder is `base`, for the rest.

    Raises ModelError if `file` cannot be read, belongs to another base or lacks weights.
    """
    check_about(file, ABOUT)
    trained = read_weights(file)
    heads = {name: trained.pop(name).float() for name in list(trained) if not name.startswith(("encoder.", "embed"))}
    try:
        bert = Bert(BertConfig.read(base / "config.json"), {**weights, **trained}, dtype)
        model = ReaderModel(bert, bert.config.hidden)
        model.load_state_dict(heads)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{file}: it lacks weights of the reader, or has others", _REMEDY) from error
    return model


def read_about(file: Path) -> dict[str, object]:
    """The metadata of a file of weights: its format, its base and how it was trained."""
    with _open(file) as opened:
        about: dict[str, object] = json.loads((opened.metadata() or {}).get("about", "{}"))
    return about


def check_about(file: Path, expected: Mapping[str, str]) -> None:
    """Raises ModelError if the metadata of a file of weights differ from `expected`."""
    about = read_about(file)
    for key, value in expected.items():
        if about.get(key) != value:
            raise ModelError(f"{file}: its {key} is {json.dumps(about.get(key))}, expected {value!r}", _REMEDY)


def read_weights(file: Path, prefix: str = "") -> dict[str, Tensor]:
    """Name -> tensor, for names that begin with `prefix`. Raises ModelError if the file cannot be read."""
    with _open(file) as opened:
        # safe_open's handle has keys but is no mapping
        return {name: opened.get_tensor(name) for name in opened.keys() if name.startswith(prefix)}  # noqa: SIM118


def _open(file: Path) -> Any:
    try:
        return safe_open(file, framework="pt")
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{file}: no weights can be read there: {error}", _REMEDY) from error
