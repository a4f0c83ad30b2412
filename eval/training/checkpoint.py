"""Checkpoints of a training run, and weights files."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import cast

import torch
from safetensors.torch import save
from torch import Tensor, nn

from index.encoders.bert import Bert, BertConfig
from index.encoders.packaged import PACKAGED_SHA256, packaged_folder
from index.errors import ModelError, SettingsError
from index.files import replace_whole, sha256_of
from rag.readers.model import ABOUT, ReaderModel, check_about, read_about, read_weights, restore_model
from rag.readers.word_pieces import SHARED

_FUSED = ".attention.self."
"""Bert joins the weights of query, key and value into one; the published checkpoint has them apart."""
_TYPES = "embeddings.token_type_embeddings.weight"


class TrainableBert(nn.Module):
    """Our BERT as a module: its layers and type embeddings are trained, its other embeddings are not."""

    def __init__(self, bert: Bert, device: torch.device) -> None:
        super().__init__()
        self._bert = bert
        types = bert.weights[_TYPES]
        if len(types) == SHARED:
            # the base has a type for each of two texts; the reader has two more, see Batch.types
            bert.weights[_TYPES] = torch.cat([types, types])
        for name, weight in bert.weights.items():
            bert.weights[name] = weight.to(device)
            if name.startswith("encoder.") or name == _TYPES:
                parameter = nn.Parameter(bert.weights[name])
                # PyTorch allows no dot in a parameter's name
                self.register_parameter(name.replace(".", "/"), parameter)
                bert.weights[name] = parameter

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        return self._bert(ids, mask, types)


def save_checkpoint(
    file: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    seconds: float,
    settings: Mapping[str, object],
) -> None:
    """Writes all that a run with these settings needs to continue after `step` steps and `seconds` of training."""
    trained = {name: parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad}
    state = {"model": trained, "optimizer": optimizer.state_dict(), "step": step, "seconds": seconds}
    content = io.BytesIO()
    torch.save({**state, "settings": dict(settings)}, content)
    replace_whole(file, content.getvalue())


def load_checkpoint(
    file: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, settings: Mapping[str, object]
) -> tuple[int, float]:
    """Restores model and optimizer. Returns the steps and the seconds that the run has taken.

    Raises ModelError if the file cannot be read, and SettingsError if the run has other settings.
    """
    try:
        # weights_only: a checkpoint from elsewhere must not run code
        state = torch.load(file, map_location="cpu", weights_only=True)
        saved: dict[str, object] = state["settings"]
        if different := sorted(key for key in {*saved, *settings} if saved.get(key) != settings.get(key)):
            raise SettingsError(
                f"{file}: the run there was started with another {', '.join(different)}",
                "Name another folder with --out",
            )
        model.load_state_dict(state["model"], strict=False)
        optimizer.load_state_dict(state["optimizer"])
        return state["step"], state["seconds"]
    except (OSError, EOFError, RuntimeError, UnpicklingError, KeyError, TypeError) as error:
        raise ModelError(f"{file}: no checkpoint can be read there: {error}", "Remove it to begin again") from error


def initial_model(base: Path, device: torch.device, *, seed: int = 0, start: Path | None = None) -> ReaderModel:
    """The model at the start of a run, on the base that save_base wrote. `start` is a file of weights to continue from.

    Raises ModelError if a file is missing, damaged or for another base.
    """
    file = base / "model.safetensors"
    check_about(file, {"base": PACKAGED_SHA256})
    weights = read_weights(file)
    if start is not None:
        model = restore_model(start, base, weights)
        model.trunk = TrainableBert(cast(Bert, model.trunk), device)
        return model.to(device)
    return new_model(Bert(BertConfig.read(base / "config.json"), weights), device, seed)


def new_model(bert: Bert, device: torch.device, seed: int = 0) -> ReaderModel:
    """A model to train, on `bert`, with random heads."""
    model = ReaderModel(TrainableBert(bert, device), bert.config.hidden)
    generator = torch.Generator().manual_seed(seed)
    for head in (model.span, model.evidence, model.no_evidence):
        nn.init.normal_(head.weight, std=0.02, generator=generator)
        nn.init.zeros_(head.bias)
    return model.to(device)


def save_base(folder: Path) -> None:
    """Copies the base model into `folder`, in half precision, to train on a machine without its package."""
    packaged = packaged_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_bytes((packaged / name).read_bytes())
    weights = {
        name: weight
        for name, weight in read_weights(packaged / "model.safetensors").items()
        if name.startswith(("embeddings.", "encoder.")) and weight.is_floating_point()
    }
    _write(folder / "model.safetensors", weights, {"base": PACKAGED_SHA256})


def save_reader(model: ReaderModel, file: Path, about: Mapping[str, object]) -> None:
    """Writes the trained weights in half precision, by their published names, and `about` as the file's metadata."""
    weights: dict[str, Tensor] = {}
    for parameter, weight in model.state_dict().items():
        # a parameter's name has no dots, see TrainableBert
        name = parameter.removeprefix("trunk.").replace("/", ".")
        layer, fused, kind = name.partition(_FUSED)
        parts = zip(("query", "key", "value"), weight.chunk(3), strict=True) if fused else ()
        weights |= {f"{layer}{fused}{part}.{kind}": chunk for part, chunk in parts} or {name: weight}
    _write(file, weights, {**about, **ABOUT})


def save_mean(files: Sequence[Path], out: Path) -> None:
    """Writes the mean of several files of weights, the stages of one training (Izmailov et al. 2018), into `out`.

    Raises ModelError if one of them is not a reader's.
    """
    mean: dict[str, Tensor] = {}
    for file in files:
        check_about(file, ABOUT)
        for name, weight in read_weights(file).items():
            mean[name] = mean.get(name, torch.zeros(())) + weight.float() / len(files)
    about = {**ABOUT, "examples": read_about(files[-1]).get("examples"), "mean_of": [sha256_of(file) for file in files]}
    _write(out, mean, about)


def _write(file: Path, weights: Mapping[str, Tensor], about: Mapping[str, object]) -> None:
    tensors = {name: weight.cpu().half().contiguous() for name, weight in weights.items()}
    # one metadata entry, because several have no fixed order and equal weights must make equal files
    content = save(tensors, {"about": json.dumps(about, sort_keys=True)})
    replace_whole(file, content)
