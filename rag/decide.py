"""Decision: which form of a question is answered, and whether its confidence reaches the threshold."""

import math
from collections.abc import Sequence

from rag.types import Judgement


def likeliest_first(judgements: Sequence[Judgement], threshold: float) -> tuple[Judgement, ...]:
    """The judgements ordered by how likely their form is meant and answered; the answer is taken from the first.

    Fallback forms come last, unless the likeliest other form is not answered and a fallback form is: then they come
    first. Equal judgements keep their order. Forms are compared by prior and by the confidence without carried-over
    text, because carried-over text finds the passage that it came from, with high confidence.
    """
    meant = [judgement for judgement in judgements if not judgement.form.fallback]
    fallbacks = [judgement for judgement in judgements if judgement.form.fallback]
    meant.sort(key=lambda judgement: -(judgement.form.prior + _log_odds(judgement.confidence_if_not_carried)))
    if not answers(meant[0], threshold) and any(answers(judgement, threshold) for judgement in fallbacks):
        return (*fallbacks, *meant)
    return (*meant, *fallbacks)


def answers(judgement: Judgement, threshold: float) -> bool:
    """Whether a judgement is good enough to be shown as an answer."""
    return bool(judgement.readings) and judgement.confidence >= threshold


def _log_odds(probability: float) -> float:
    return math.log((probability + 1e-6) / (1 - probability + 1e-6))
