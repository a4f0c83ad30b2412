"""Where a training stands, in one file: it resumes as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from index.errors import ModelError, SettingsError
from index.files import replace_whole
from rag.readers.model import ReaderModel


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training has come. What it draws by chance follows from the seed, the epoch and the place in it."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    """Of the epoch."""
    seconds: float = 0.0
    """Spent in training, whatever was spent between."""


def save_checkpoint(
    file: Path, model: ReaderModel, optimizer: torch.optim.Optimizer, progress: Progress, settings: Mapping[str, object]
) -> None:
    """Writes the model's trained parameters, the optimizer's moments and the progress made under `settings`."""
    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in _trained(model).items():
        tensors[f"model {name}"] = parameter.detach()
        tensors |= {f"{key} {name}": value for key, value in optimizer.state[parameter].items()}
    metadata = {"progress": json.dumps(asdict(progress)), "settings": json.dumps(settings)}
    replace_whole(file, save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, metadata))


def load_checkpoint(
    file: Path, model: ReaderModel, optimizer: torch.optim.Optimizer, settings: Mapping[str, object]
) -> Progress:
    """Puts model and optimizer where they were.

    Raises ModelError where the file cannot be read, and SettingsError where it was trained with other settings.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata()
            given = json.loads(metadata["settings"])
            different = sorted(key for key in {*given, *settings} if given.get(key) != settings.get(key))
            if different:
                raise SettingsError(
                    f"{file}: its training has another {', '.join(different)}", "Name another folder with --out"
                )
            for name, parameter in _trained(model).items():
                parameter.data.copy_(opened.get_tensor(f"model {name}"))
                state = optimizer.state[parameter]
                for key in ("step", "exp_avg", "exp_avg_sq"):
                    value = opened.get_tensor(f"{key} {name}")
                    # a fused optimizer keeps its step on the device, another one on the CPU
                    fused = optimizer.defaults.get("fused")
                    state[key] = value if key == "step" and not fused else value.to(parameter.device)
            return Progress(**json.loads(metadata["progress"]))
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise ModelError(f"{file}: no checkpoint can be read there: {error}", "Remove it to train anew") from error


def _trained(model: ReaderModel) -> dict[str, torch.nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
