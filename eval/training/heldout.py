"""How well a model reads the documents held aside: every question with the passages that our search finds for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from eval.training.cache import Cache, Kind
from rag.readers.model import ReaderModel
from rag.readers.sentence_scores import score_sentences
from rag.readers.word_pieces import collate, first_places

_BATCH = 64


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One row of the table; None is what cannot be said, as where there is nothing to tell apart."""

    name: str
    """The question set, or "all"."""
    questions: int
    answerable: int
    hit_1: float | None
    """The share of the answerable questions whose best sentence, of all passages found, holds words that answer."""
    hit_3: float | None
    span_f1: float | None
    """Of the word pieces of the best span and of the span that answers and is most like it; 0 at a miss."""
    auroc: float | None
    """How well the best score tells the questions that the corpus answers."""
    passage_auroc: float | None
    """How well a passage's best score tells the passages that answer."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A sentence as it was read."""

    score: float
    right: bool
    f1: float


def measure(model: ReaderModel, cache: Cache, device: torch.device, dtype: torch.dtype) -> list[HeldOut]:
    """A row for each question set with questions held aside, and one for all of them."""
    rows = np.flatnonzero(cache.kinds == Kind.HELD)
    if not len(rows):
        return []
    read = dict(_read(model, cache, rows, device, dtype))
    apart = (np.diff(cache.pairs[rows, 0]) != 0) | (np.diff(cache.sets[rows].astype(int)) != 0)
    breaks = np.flatnonzero(apart) + 1
    questions = np.split(rows, breaks)
    sets = [int(cache.sets[group[0]]) for group in questions]
    table = [
        _row(cache.names[n], [group for group, own in zip(questions, sets, strict=True) if own == n], cache, read)
        for n in sorted(set(sets))
    ]
    return [*table, _row("all", questions, cache, read)]


def _row(name: str, questions: Sequence[NDArray[np.int64]], cache: Cache, read: dict[int, list[_Read]]) -> HeldOut:
    best = [sorted((one for row in group for one in read[int(row)]), key=lambda one: -one.score) for group in questions]
    answerable = [bool(cache.answerable[group[0]]) for group in questions]
    asked = [ranked for ranked, one in zip(best, answerable, strict=True) if one]
    passages = [row for group in questions for row in group if read[int(row)]]
    return HeldOut(
        name,
        len(questions),
        len(asked),
        _mean([bool(ranked) and ranked[0].right for ranked in asked]),
        _mean([any(one.right for one in ranked[:3]) for ranked in asked]),
        _mean([ranked[0].f1 if ranked else 0.0 for ranked in asked]),
        _auroc([ranked[0].score if ranked else -np.inf for ranked in best], answerable),
        _auroc(
            [max(one.score for one in read[int(row)]) for row in passages],
            [bool(cache.spans[row, 0, 0] >= 0) for row in passages],
        ),
    )


def _read(
    model: ReaderModel, cache: Cache, rows: NDArray[np.int64], device: torch.device, dtype: torch.dtype
) -> Iterator[tuple[int, list[_Read]]]:
    rows = rows[np.argsort(cache.lengths()[rows], kind="stable")]
    model.eval()
    for at in range(0, len(rows), _BATCH):
        some = rows[at : at + _BATCH]
        batch = collate(cache.questions, cache.passages, cache.sentences, cache.pairs[some])
        with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            scores = model(batch.to(device))
        start, end, evidence = (part.cpu().numpy() for part in (scores.start, scores.end, scores.evidence))
        first = first_places(cache.questions, cache.pairs[some, 0])
        for n, row in enumerate(some.tolist()):
            own = score_sentences(start[n], end[n], evidence[n], batch.sentences[n].numpy())
            gold = cache.spans[row][cache.spans[row, :, 0] >= 0].astype(np.int64) + first[n]
            held = batch.sentences[n].numpy()
            right = {int(number) for low, high in gold for number in held[low : high + 1]}
            yield (
                row,
                [
                    _Read(score, number in right, max((_f1(span, one) for one in gold.tolist()), default=0.0))
                    for number, score, span in zip(
                        own.numbers.tolist(), own.scores.tolist(), own.spans.tolist(), strict=True
                    )
                ],
            )


def _f1(one: Sequence[int], other: Sequence[int]) -> float:
    shared = min(one[1], other[1]) - max(one[0], other[0]) + 1
    return max(0.0, 2 * shared / (one[1] - one[0] + other[1] - other[0] + 2))


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _auroc(scores: Sequence[float], labels: Sequence[bool]) -> float | None:
    """The chance that one with the label scores above one without (Mann & Whitney 1947); equal ones count half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, np.nan_to_num(scores))) if len(set(labels)) == 2 else None
