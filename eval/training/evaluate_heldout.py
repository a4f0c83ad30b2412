"""Evaluation on held-out documents: hit@k, word F1 and AUROC over the passages that search finds for each question."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from eval.measures.confidence import auroc
from eval.measures.excerpts import f1
from eval.training.examples import Examples, Kind, to_device
from rag.readers.sentence_scores import score_sentences

_PAIRS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The figures of one question set, 0 to 1 and higher is better; None if a measure applies to no question."""

    name: str
    """The question set, or "all"."""
    questions: int
    answerable: int
    hit_1: float | None
    """The share of the answerable questions whose best sentence, among all passages found, holds an answer."""
    hit_3: float | None
    f1: float | None
    """The word F1 of the best sentence's best span against the best of the answers in its passage."""
    auroc: float | None
    """The chance that an answerable question has a higher best score than an unanswerable one."""
    passage_auroc: float | None
    """The chance that an answering passage has a higher best score than another passage."""


class _Sentence(NamedTuple):
    """The model's result for one sentence."""

    score: float
    answers: bool
    f1: float
    """The word F1 of its best span against the best of the answers in its passage."""


def evaluate_heldout(model: nn.Module, examples: Examples, device: torch.device, dtype: torch.dtype) -> list[HeldOut]:
    """The figures of each question set with held-out questions, and of all of them together."""
    rows = np.flatnonzero(examples.kinds == Kind.HELD)
    read = dict(_read(model, examples, rows, device, dtype))
    sets = {name: rows[examples.sets[rows] == number] for number, name in enumerate(examples.names)}
    return [_figures(name, examples, some, read) for name, some in {**sets, "all": rows}.items() if len(some)]


def _figures(name: str, examples: Examples, rows: NDArray[np.int64], read: Mapping[int, list[_Sentence]]) -> HeldOut:
    questions: dict[tuple[int, int], list[int]] = {}
    for row in rows.tolist():
        questions.setdefault((int(examples.sets[row]), int(examples.pairs[row, 0])), []).append(row)
    ranked = [
        sorted(chain(*(read[row] for row in pairs)), key=lambda sentence: -sentence.score)
        for pairs in questions.values()
    ]
    answerable = [bool(examples.answerable[pairs[0]]) for pairs in questions.values()]
    asked = [best for best, has_answer in zip(ranked, answerable, strict=True) if has_answer]
    passages = [row for row in rows.tolist() if read[row]]
    return HeldOut(
        name=name,
        questions=len(questions),
        answerable=len(asked),
        hit_1=_mean([any(sentence.answers for sentence in best[:1]) for best in asked]),
        hit_3=_mean([any(sentence.answers for sentence in best[:3]) for best in asked]),
        f1=_mean([best[0].f1 if best else 0.0 for best in asked]),
        auroc=_auroc([best[0].score if best else -np.inf for best in ranked], answerable),
        passage_auroc=_auroc(
            [max(read[row]).score for row in passages], [bool(examples.spans[row, 0, 0] >= 0) for row in passages]
        ),
    )


def _read(
    model: nn.Module, examples: Examples, rows: NDArray[np.int64], device: torch.device, dtype: torch.dtype
) -> Iterator[tuple[int, list[_Sentence]]]:
    """(row, its passage's sentences) of these rows of the examples."""
    # sorted by length, so that a batch needs little padding
    rows = rows[np.argsort(examples.lengths()[rows], kind="stable")]
    model.eval()
    for at in range(0, len(rows), _PAIRS_AT_ONCE):
        some = rows[at : at + _PAIRS_AT_ONCE]
        batch = examples.batch(some)
        with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            scores = model(to_device(batch, device))
        start, end, evidence = (part.cpu().numpy() for part in (scores.start, scores.end, scores.evidence))
        first = examples.first_places(some)
        for n, row in enumerate(some.tolist()):
            ids, numbers = batch.ids[n].tolist(), batch.sentences[n].numpy()
            gold = (examples.spans[row][examples.spans[row, :, 0] >= 0] + first[n]).tolist()
            answering = {number for low, high in gold for number in numbers[low : high + 1].tolist()}
            answers = [examples.tokenizer.decode(ids[low : high + 1]) for low, high in gold]
            sentences = []
            for number, score, low, high in score_sentences(start[n], end[n], evidence[n], numbers):
                span = examples.tokenizer.decode(ids[low : high + 1])
                sentences.append(
                    _Sentence(score, number in answering, max((f1(span, answer) for answer in answers), default=0.0))
                )
            yield row, sentences


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _auroc(scores: Sequence[float], positive: Sequence[bool]) -> float | None:
    value = float(auroc(np.array(scores, float), np.array(positive, float)))
    return None if np.isnan(value) else value
