"""A question becomes hits: dense and lexical search, fused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.embedded.corpus import Corpus, Selection
from index.types import Hit
from rag.types import Query

Ranking = tuple[NDArray[np.float32], NDArray[np.int64]]
"""(scores, rows), best first; higher is better."""

_CANDIDATES = 100
"""How many rows each searcher brings to the fusion."""


def retrieve(corpus: Corpus | Selection, query: Query, k: int) -> list[Hit]:
    """The `k` passages of `corpus` that bear most on `query`, best first."""
    scores, rows = corpus.dense.search(query.encoding.vector[None], _CANDIDATES)
    rankings = {"dense": (scores[0], rows[0]), "lexical": corpus.lexical.search(query.text, _CANDIDATES)}
    own = {name: dict(zip(rows.tolist(), scores.tolist(), strict=True)) for name, (scores, rows) in rankings.items()}
    return [
        Hit(
            passage=corpus.passages[row],
            score=score,
            rank=rank,
            found_by={name: scores_by_row[row] for name, scores_by_row in own.items() if row in scores_by_row},
        )
        for rank, (score, row) in enumerate(fuse(list(rankings.values()))[:k], start=1)
    ]


def fuse(rankings: Sequence[Ranking]) -> list[tuple[float, int]]:
    """(score, row) over all rankings, best first: the mean of each one's score as a share of its best, 0 to 1.

    A convex combination with zero as each score's least (Bruch et al. 2023); a row that a ranking lacks, or scores
    below zero, has 0 from it. Equal scores come in order of row.
    """
    fused: dict[int, float] = {}
    for scores, rows in rankings:
        best = float(scores[0]) if len(scores) and scores[0] > 0 else 1.0
        for score, row in zip(scores.tolist(), rows.tolist(), strict=True):
            fused[row] = fused.get(row, 0.0) + max(0.0, score) / best / len(rankings)
    return sorted(((score, row) for row, score in fused.items()), key=lambda pair: (-pair[0], pair[1]))
