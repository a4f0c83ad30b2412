"""The training loop: a rate that falls to zero over a budget, and a run that stops and resumes as if it had not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from eval.training.cache import Cache, Kind
from eval.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from eval.training.heldout import measure
from eval.training.objective import Weighing, loss, targets
from eval.training.teacher import Taught
from index.encoders.packaged import processor_dtype
from index.errors import SettingsError
from rag.readers.model import ReaderModel
from rag.readers.word_pieces import collate

CHECKPOINT = "checkpoint.safetensors"
LOG = "log.jsonl"
_WARM_UP = 0.05
"""The share of the budget in which the rate rises."""
_DECAY = 0.01
_CLIPPED = 1.0
"""The largest norm of a gradient."""
_SORTED = 512
"""Questions that are sorted by the length of their pairs together, so that little is padded."""

Log = Callable[[Mapping[str, object]], None]


@dataclass(frozen=True, slots=True)
class Training:
    """What a run is: two with equal ones, on one machine and with a budget of steps, give equal weights."""

    minutes: float | None = None
    """The budget, of time spent in training, or else `steps`."""
    steps: int | None = None
    batch: int = 32
    """Pairs."""
    rate: float = 1.5e-4
    length: int = 320
    """Word pieces of a pair that are read; a passage that answers beyond them is left out."""
    negatives: int = 1
    """Retrieved passages beside a question, in one epoch."""
    without: tuple[str, ...] = ()
    """Question sets that are left out."""
    seed: int = 0
    start: str | None = None
    """sha256 of the weights that it went on from."""
    weighing: Weighing = Weighing()  # noqa: RUF009 (frozen)

    def spent(self, progress: Progress) -> float:
        """The share of the budget, 0 to 1, that is spent."""
        if self.minutes is not None:
            return min(1.0, progress.seconds / (60 * self.minutes))
        return min(1.0, progress.step / (self.steps or 1))


def train(
    model: ReaderModel,
    cache: Cache,
    out: Path,
    training: Training,
    *,
    device: torch.device,
    taught: Taught | None = None,
    log: Log = lambda entry: None,
    logged: int = 50,
    saved: float = 120.0,
    measured: int = 4,
) -> None:
    """Trains `model` from the checkpoint in `out`, if there is one, to the end of the budget.

    Every `logged` steps are logged, every `saved` seconds a checkpoint is written, and `measured` times, evenly over
    the budget and outside of it, the documents held aside are measured on, the last of them left to the caller.
    Raises ModelError and SettingsError as load_checkpoint does, and SettingsError where nothing is left to train on.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, training.rate, weight_decay=_DECAY, fused=device.type == "cuda")
    settings = {**json.loads(json.dumps(asdict(training))), "cache": cache.checksum, "taught": taught is not None}
    out.mkdir(parents=True, exist_ok=True)
    file, progress = out / CHECKPOINT, Progress()
    if file.exists():
        progress = load_checkpoint(file, model, optimizer, settings)
    dtype = fastest_dtype(device)
    lengths = cache.lengths().clip(max=training.length)
    next_table = int(training.spent(progress) * measured) + 1
    meter, since = _Meter(), time.monotonic()
    while (spent := training.spent(progress)) < 1:
        order = epoch_order(cache, training, progress.epoch)
        if not order:
            raise SettingsError("no example is left to train on", "Leave out fewer sets, or allow a greater length")
        for rows in order[progress.batch :]:
            started = time.monotonic()
            for group in optimizer.param_groups:
                group["lr"] = training.rate * min(1.0, spent / _WARM_UP + 1e-3) * (1 - spent)
            value = _step(model, optimizer, parameters, cache, rows, training, taught, device, dtype)
            meter.add(value, int(lengths[rows].sum()))
            progress = replace(
                progress,
                step=progress.step + 1,
                batch=progress.batch + 1,
                seconds=progress.seconds + time.monotonic() - started,
            )
            spent = training.spent(progress)
            if progress.step % logged == 0 or spent >= 1:
                log({**asdict(progress), "spent": round(spent, 4), **meter.read()})
            if spent < 1 and time.monotonic() - since >= saved:
                save_checkpoint(file, model, optimizer, progress, settings)
                since = time.monotonic()
            if spent * measured >= next_table and spent < 1:
                table = measure(model, cache, device, dtype)
                log({"spent": round(spent, 4), "table": [asdict(row) for row in table]})
                next_table += 1
            if spent >= 1:
                break
        else:
            progress = replace(progress, epoch=progress.epoch + 1, batch=0)
            continue
        save_checkpoint(file, model, optimizer, progress, settings)


def fastest_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return processor_dtype()


def epoch_order(cache: Cache, training: Training, epoch: int) -> list[NDArray[np.int64]]:
    """The batches of an epoch, as rows of the cache: what answers and what was swapped, and some of the retrieved."""
    chance = np.random.default_rng([training.seed, epoch])
    left_out = [n for n, name in enumerate(cache.names) if name in training.without]
    usable = (cache.kinds != Kind.HELD) & ~np.isin(cache.sets, left_out)
    cut = cache.spans.max((1, 2)) + cache.questions.sizes[cache.pairs[:, 0]] + 3 >= training.length
    usable &= ~((cache.kinds == Kind.ANSWERS) & cut)
    rows = np.flatnonzero(usable)
    # of a question's retrieved passages, at random, so many
    keys = np.where(np.isin(cache.kinds[rows], (Kind.RETRIEVED, Kind.UNANSWERABLE)), chance.random(len(rows)), -1.0)
    order = np.lexsort((keys, cache.pairs[rows, 0]))
    rows, keys = rows[order], keys[order]
    asked = cache.pairs[rows, 0]
    drawn = (keys >= 0).astype(np.int64)
    before = np.cumsum(drawn) - drawn
    firsts = np.searchsorted(asked, asked, side="left")
    rows = rows[(keys < 0) | (before - before[firsts] < training.negatives)]
    lengths = cache.lengths()
    # what is asked of a question is learned in one batch: its passages are also told apart from each other
    groups = np.split(rows, np.flatnonzero(np.diff(cache.pairs[rows, 0])) + 1)
    groups = [groups[n] for n in chance.permutation(len(groups))] if len(rows) else []
    batches: list[NDArray[np.int64]] = []
    for at in range(0, len(groups), _SORTED):
        some = sorted(groups[at : at + _SORTED], key=lambda group: int(lengths[group].max()))
        batches += _filled(some, training.batch)
    return [batches[n] for n in chance.permutation(len(batches))]


def _filled(groups: Sequence[NDArray[np.int64]], size: int) -> Iterator[NDArray[np.int64]]:
    """Batches of whole groups, each as large as it can be without exceeding `size`, but of one group at least."""
    batch: list[NDArray[np.int64]] = []
    for group in groups:
        if batch and sum(map(len, batch)) + len(group) > size:
            yield np.concatenate(batch)
            batch = []
        batch.append(group)
    if batch:
        yield np.concatenate(batch)


def _step(
    model: ReaderModel,
    optimizer: torch.optim.Optimizer,
    parameters: list[torch.nn.Parameter],
    cache: Cache,
    rows: NDArray[np.int64],
    training: Training,
    taught: Taught | None,
    device: torch.device,
    dtype: torch.dtype,
) -> torch.Tensor:
    batch = collate(cache.questions, cache.passages, cache.sentences, cache.pairs[rows], training.length)
    wanted = targets(cache, rows, batch).to(device)
    soft = taught.scores(rows, batch.ids.shape[1], batch.most, device) if taught else None
    model.train()
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        scores = model(batch.to(device))
    value = loss(scores, wanted, soft, training.weighing)
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(value)
    torch.nn.utils.clip_grad_norm_(parameters, _CLIPPED)
    optimizer.step()
    return value.detach()


class _Meter:
    """The mean loss and the speed since it was last read; reading waits for the device, adding does not."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._values: list[torch.Tensor] = []
        self._tokens = 0
        self._since = time.monotonic()

    def add(self, value: torch.Tensor, tokens: int) -> None:
        self._values.append(value)
        self._tokens += tokens

    def read(self) -> dict[str, float]:
        mean = float(torch.stack(self._values).mean())
        speed = self._tokens / max(1e-9, time.monotonic() - self._since)
        self._reset()
        return {"loss": round(mean, 5), "tokens_per_second": round(speed)}
