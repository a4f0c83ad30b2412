"""Evaluation on held-out documents: hit@k, word F1 and AUROC over the passages that search finds for each question."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from eval.measures.bootstrap import Statistic, mean
from eval.measures.confidence import auroc
from eval.measures.excerpts import f1
from eval.training.examples import Examples, Kind, to_device
from rag.readers.sentence_scores import score_sentences

_PAIRS_AT_ONCE = 64


Figures = Mapping[str, Any]
"""The figures of one question set, or of "all". Shares are from 0 to 1, and None if they apply to no question.

name            the question set
questions       how many there are
answerable      how many of them have an answer
hit_1, hit_3    the share of these whose best sentence, or one of the three best, among all passages holds an answer
f1              the word F1 of the best sentence's best span against the best of the answers in its passage
auroc           the chance that an answerable question has a higher best score than an unanswerable one
passage_auroc   the chance that an answering passage has a higher best score than another passage
"""


class _Sentence(NamedTuple):
    """The model's result for one sentence."""

    score: float
    answers: bool
    f1: float
    """The word F1 of its best span against the best of the answers in its passage."""


def evaluate_heldout(model: nn.Module, examples: Examples, device: torch.device, dtype: torch.dtype) -> list[Figures]:
    """The figures of each question set with held-out questions, and of all of them together."""
    rows = np.flatnonzero(examples.kinds == Kind.HELD)
    read = dict(_read(model, examples, rows, device, dtype))
    sets = {name: rows[examples.sets[rows] == number] for number, name in enumerate(examples.names)}
    return [_figures(name, examples, some, read) for name, some in {**sets, "all": rows}.items() if len(some)]


def _figures(name: str, examples: Examples, rows: NDArray[np.int64], read: Mapping[int, list[_Sentence]]) -> Figures:
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
    return {
        "name": name,
        "questions": len(questions),
        "answerable": len(asked),
        "hit_1": _value(mean, [any(sentence.answers for sentence in best[:1]) for best in asked]),
        "hit_3": _value(mean, [any(sentence.answers for sentence in best[:3]) for best in asked]),
        "f1": _value(mean, [best[0].f1 if best else 0.0 for best in asked]),
        "auroc": _value(auroc, [best[0].score if best else -np.inf for best in ranked], answerable),
        "passage_auroc": _value(auroc, [max(read[row]).score for row in passages], examples.spans[passages, 0, 0] >= 0),
    }


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
                best = max((f1(span, answer) for answer in answers), default=0.0)
                sentences.append(_Sentence(score, number in answering, best))
            yield row, sentences


def _value(statistic: Statistic, *columns: Sequence[float] | NDArray[np.bool_]) -> float | None:
    if not len(columns[0]):
        return None
    value = float(statistic(*(np.array(column, float) for column in columns)))
    return None if np.isnan(value) else value
