"""The training loss: cross-entropy of the answer's start, its end and its sentence."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eval.training.examples import Examples
from rag.readers.model import MASKED, Scores
from rag.readers.word_pieces import Batch


@dataclass(frozen=True, slots=True, eq=False)
class Targets(Scores):
    """The right places of a batch, as booleans; the first place means "no answer"."""

    sizes: list[int]
    """The number of pairs of each question; the pairs of a question are neighbours."""


def targets(examples: Examples, rows: NDArray[np.int64], batch: Batch, device: torch.device) -> Targets:
    """The targets of these rows of the examples, which `batch` holds; answers that were cut off are left out."""
    pairs, length = batch.ids.shape
    sentences, questions = batch.sentences.numpy(), examples.pairs[rows, 0]
    first = examples.first_places(rows)
    start, end = np.zeros((2, pairs, length), bool)
    numbers = np.arange(sentences.max() + 1)
    evidence = np.zeros((pairs, len(numbers)), bool)
    spans = examples.spans[rows].astype(np.int64)
    pair, answer = np.nonzero((spans[..., 0] >= 0) & (spans[..., 1] + first[:, None] < length - 1))
    starts, ends = spans[pair, answer].T + first[pair]
    start[pair, starts] = True
    end[pair, ends] = True
    lowest, highest = sentences[pair, starts][:, None], sentences[pair, ends][:, None]
    np.logical_or.at(evidence, pair, (lowest <= numbers) & (numbers <= highest))
    for part in (start, end, evidence):
        part[:, 0] = ~part[:, 1:].any(1)
    sizes = np.diff(np.flatnonzero(np.diff(questions, prepend=-1, append=-1)))
    parts = [torch.from_numpy(part).to(device) for part in (start, end, evidence)]
    return Targets(parts[0], parts[1], parts[2], sizes.tolist())


def loss(scores: Scores, wanted: Targets) -> Tensor:
    """The mean loss of a batch: of the span's two ends, of the sentence in its passage, and the listwise loss."""
    span = (_cross_entropy(scores.start, wanted.start) + _cross_entropy(scores.end, wanted.end)) / 2
    return span + _cross_entropy(scores.evidence, wanted.evidence) + listwise_loss(scores.evidence, wanted)


def listwise_loss(evidence: Tensor, wanted: Targets) -> Tensor:
    """The cross-entropy over the sentences of all passages of a question, with one place for "no answer".

    A sentence's score is computed as in use: minus its passage's score for "no answer".
    """
    scores = torch.split(evidence[:, 1:] - evidence[:, :1], wanted.sizes)
    right = torch.split(wanted.evidence[:, 1:], wanted.sizes)
    losses = []
    for own, answers in zip(scores, right, strict=True):
        places = torch.cat([own.new_zeros(1), own.flatten()])
        losses.append(_cross_entropy(places[None], torch.cat([~answers.any()[None], answers.flatten()])[None]))
    return torch.stack(losses).mean()


def _cross_entropy(scores: Tensor, right: Tensor) -> Tensor:
    """The mean of the negative log-probability that falls on any of the right places; both (n, places)."""
    return (scores.logsumexp(1) - scores.masked_fill(~right, 2 * MASKED).logsumexp(1)).mean()
