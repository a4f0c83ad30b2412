"""Measures of the search: recall at a depth (Success@k) and mean reciprocal rank (MRR) of the passages retrieved.

A passage is relevant if it holds gold, and one is enough: rows do not say how many passages hold gold.
"""

from eval.measures.types import Case, Measure

DEPTHS = (1, 5, 10)


def _reciprocal_rank(case: Case) -> float | None:
    """1 / rank of the first passage retrieved that holds gold; 0 if none does."""
    if not case.question.gold:
        return None
    retrieved = [] if case.row is None else case.row["retrieved"]
    return next((1 / rank for rank, place in enumerate(retrieved, start=1) if case.holds_gold(place)), 0.0)


def _recall(depth: int) -> Measure:
    def score(case: Case) -> float | None:
        reciprocal = _reciprocal_rank(case)
        return None if reciprocal is None else reciprocal >= 1 / depth

    first = "first passage" if depth == 1 else f"first {depth} passages"
    meaning = f"share of answerable questions with gold in the {first} retrieved (Success@{depth})"
    return Measure(f"recall@{depth}", meaning, score)


MEASURES = (
    *map(_recall, DEPTHS),
    Measure("mrr", "mean, over answerable questions, of 1 / rank of the first passage retrieved that holds gold (MRR)",
            _reciprocal_rank),
)  # fmt: skip
