"""Fusion of dense and lexical rankings into one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ranking = tuple[NDArray[np.float32], NDArray[np.int64]]
"""(scores, rows), best first; higher is better."""


def fuse(rankings: Sequence[Ranking]) -> list[tuple[float, int]]:
    """(score, row) over all rankings, best first. A score is 0 to 1.

    A convex combination with equal weights and zero as each ranking's minimum (Bruch et al. 2023): the mean of each
    score as a share of the ranking's best. A row that a ranking lacks, or scores below zero, gets 0 from it. Equal
    scores come in order of row.
    """
    fused: dict[int, float] = {}
    for scores, rows in rankings:
        best = float(scores[0]) if len(scores) and scores[0] > 0 else 1.0
        for score, row in zip(scores.tolist(), rows.tolist(), strict=True):
            fused[row] = fused.get(row, 0.0) + max(0.0, score) / best / len(rankings)
    return sorted(((score, row) for row, score in fused.items()), key=lambda pair: (-pair[0], pair[1]))
