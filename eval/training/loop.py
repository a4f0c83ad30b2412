"""The training loop: AdamW, a learning rate that falls over a budget of minutes or steps, and resumable runs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path

import torch

from eval.training.checkpoint import load_checkpoint, save_checkpoint
from eval.training.evaluate_heldout import evaluate_heldout
from eval.training.examples import LONGEST_PAIR, Examples, to_device, training_epochs
from eval.training.loss import loss, targets
from index.encoders.packaged import processor_dtype
from rag.readers.model import ReaderModel

_WARM_UP = 0.05
"""The share of the budget in which the learning rate rises."""
_WEIGHT_DECAY = 0.01
_LARGEST_GRADIENT = 1.0
"""Gradients with a larger norm are scaled down to it."""
_EVALUATIONS = 4
"""The number of evaluations in a run, at equal distances. The caller does the last one."""


@dataclass(frozen=True, slots=True)
class Training:
    """The settings of a run. On one machine, equal settings with a budget of steps give equal weights."""

    minutes: float | None = None
    """The budget of time spent in training steps; None if the budget is `steps`."""
    steps: int | None = None
    batch: int = 32
    """The most pairs of a batch."""
    rate: float = 1.5e-4
    """The highest learning rate."""
    negatives: int = 1
    """The most retrieved passages of a question in one epoch."""
    without: tuple[str, ...] = ()
    """The question sets that are left out."""
    seed: int = 0
    start: str | None = None
    """sha256 of the weights that the run starts from; None if it starts from the base."""

    def spent(self, step: int, seconds: float) -> float:
        """The share of the budget, 0 to 1, that is used after these steps and seconds."""
        if self.minutes is not None:
            return min(1.0, seconds / (60 * self.minutes))
        return min(1.0, step / (self.steps or 1))


def train(
    model: ReaderModel,
    examples: Examples,
    file: Path,
    training: Training,
    *,
    device: torch.device,
    log: Callable[[Mapping[str, object]], None] = lambda entry: None,
    logged: int = 50,
    saved: float = 120.0,
) -> None:
    """Trains `model` to the end of the budget; if `file` is a checkpoint of the run, from there on.

    A resumed run ends as if it had never stopped. Logs every `logged` steps; writes `file` every `saved` seconds and
    at the end. Raises what load_checkpoint and training_epochs raise.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, weight_decay=_WEIGHT_DECAY, fused=device.type == "cuda")
    settings = {**asdict(training), "examples": examples.checksum}
    step, seconds = load_checkpoint(file, model, optimizer, settings) if file.exists() else (0, 0.0)
    epochs = training_epochs(
        examples, batch=training.batch, negatives=training.negatives, without=training.without, seed=training.seed
    )
    # batches follow from the seed, so a resumed run skips those that it has seen
    batches = islice(chain.from_iterable(epochs), step, None)
    dtype = processor_dtype() if device.type == "cpu" else torch.bfloat16
    losses: list[torch.Tensor] = []
    last_saved, spent = time.monotonic(), training.spent(step, seconds)
    while spent < 1:
        started = time.monotonic()
        for group in optimizer.param_groups:
            group["lr"] = training.rate * min(1.0, spent / _WARM_UP + 1e-3) * (1 - spent)
        rows = next(batches)
        batch = examples.batch(rows, LONGEST_PAIR)
        model.train()
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            scores = model(to_device(batch, device))
        value = loss(scores, targets(examples, rows, batch, device))
        optimizer.zero_grad()
        torch.autograd.backward(value)
        torch.nn.utils.clip_grad_norm_(parameters, _LARGEST_GRADIENT)
        optimizer.step()
        losses.append(value.detach())
        step, seconds = step + 1, seconds + time.monotonic() - started
        before, spent = spent, training.spent(step, seconds)
        progress = {"step": step, "seconds": round(seconds, 1), "spent": round(spent, 4)}
        if step % logged == 0 or spent == 1:
            log({**progress, "loss": round(float(torch.stack(losses).mean()), 5)})
            losses.clear()
        if spent == 1 or time.monotonic() - last_saved >= saved:
            save_checkpoint(file, model, optimizer, step, seconds, settings)
            last_saved = time.monotonic()
        if int(before * _EVALUATIONS) < int(spent * _EVALUATIONS) < _EVALUATIONS:
            for row in evaluate_heldout(model, examples, device, dtype):
                log({**progress, **row})
