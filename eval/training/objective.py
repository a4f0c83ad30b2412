"""What training lowers: the surprise at the marked answers, and the distance from a teacher's scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from eval.training.cache import Cache
from rag.readers.model import MASKED, Scores
from rag.readers.word_pieces import Batch, first_places, moved


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Where the answers of a batch are; shaped as Scores, and True at the first place where there is none."""

    start: Tensor
    end: Tensor
    evidence: Tensor
    together: Tensor
    """(questions, pairs of one at most): the places of each question's pairs in the batch; -1 where it has no more."""

    def to(self, device: torch.device) -> Targets:
        return Targets(*(moved(part, device) for part in (self.start, self.end, self.evidence, self.together)))


@dataclass(frozen=True, slots=True)
class Weighing:
    evidence: float = 1.0
    """Of the evidence head's loss, beside the span head's 1."""
    listwise: float = 1.0
    """Of its loss over all passages of a question together."""
    soft: float = 0.0
    """The share of the loss that is the distance from the teacher."""
    temperature: float = 2.0
    """What the scores of both are divided by before they are compared."""


def targets(cache: Cache, rows: NDArray[np.int64], batch: Batch) -> Targets:
    """The targets of the cache's pairs `rows`, collated into `batch`; a span that was cut off is left out."""
    count, length = batch.ids.shape
    sentences = batch.sentences.numpy()
    first = first_places(cache.questions, cache.pairs[rows, 0])
    start = np.zeros((count, length), bool)
    end = np.zeros_like(start)
    evidence = np.zeros((count, batch.most + 1), bool)
    spans = cache.spans[rows].astype(np.int64)
    here, which = np.nonzero((spans[..., 0] >= 0) & (spans[..., 1] + first[:, None] < length - 1))
    starts, ends = spans[here, which, 0] + first[here], spans[here, which, 1] + first[here]
    start[here, starts] = True
    end[here, ends] = True
    numbers = np.arange(evidence.shape[1])
    lowest, highest = sentences[here, starts], sentences[here, ends]
    np.logical_or.at(evidence, here, (lowest[:, None] <= numbers) & (numbers <= highest[:, None]))
    for each in (start, end, evidence):
        each[:, 0] = ~each[:, 1:].any(1)
    together = _together(cache.pairs[rows, 0])
    return Targets(*(torch.from_numpy(part) for part in (start, end, evidence, together)))


def loss(scores: Scores, wanted: Targets, taught: Scores | None, weighing: Weighing) -> Tensor:
    """The mean over a batch; `taught` is what the teacher makes of it."""
    hard = (
        _surprise(scores.start, wanted.start) + _surprise(scores.end, wanted.end)
    ) / 2 + weighing.evidence * _surprise(scores.evidence, wanted.evidence)
    if weighing.listwise:
        hard = hard + weighing.listwise * _surprise_together(scores.evidence, wanted)
    if taught is None:
        return hard
    heat = weighing.temperature
    soft = (
        _distance(scores.start, taught.start, heat) + _distance(scores.end, taught.end, heat)
    ) / 2 + weighing.evidence * _distance(scores.evidence, taught.evidence, heat)
    return (1 - weighing.soft) * hard + weighing.soft * soft


def _surprise(scores: Tensor, wanted: Tensor) -> Tensor:
    """The negative log of the probability that falls on any of the wanted places."""
    return (scores.logsumexp(1) - scores.masked_fill(~wanted, 2 * MASKED).logsumexp(1)).mean()


def _surprise_together(evidence: Tensor, wanted: Targets) -> Tensor:
    """The same over the sentences of all passages of a question, scored as in use: less the passage's own "none"."""
    present = wanted.together >= 0
    rows = wanted.together.clamp(min=0)
    scores = (evidence[:, 1:] - evidence[:, :1])[rows].masked_fill(~present[..., None], MASKED).flatten(1)
    answers = (wanted.evidence[:, 1:][rows] & present[..., None]).flatten(1)
    none = ~answers.any(1, keepdim=True)
    return _surprise(torch.cat([scores.new_zeros(len(scores), 1), scores], 1), torch.cat([none, answers], 1))


def _together(questions: NDArray[np.int32]) -> NDArray[np.int64]:
    firsts = np.flatnonzero(np.diff(questions, prepend=-1))
    sizes = np.diff(firsts, append=len(questions))
    places = firsts[:, None] + np.arange(sizes.max(initial=1))
    return np.where(np.arange(sizes.max(initial=1)) < sizes[:, None], places, -1)


def _distance(scores: Tensor, taught: Tensor, heat: float) -> Tensor:
    """Kullback–Leibler divergence from the teacher (Hinton et al. 2015), scaled so that gradients keep their size."""
    given = functional.log_softmax(scores / heat, 1)
    soft = functional.log_softmax(taught / heat, 1)
    return heat**2 * functional.kl_div(given, soft, reduction="batchmean", log_target=True)
