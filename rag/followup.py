"""A question in a conversation becomes one that stands alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.types import Turn

# what points back to what was said: third-person pronouns, demonstratives, and openings that go on from before
_POINTS_BACK = re.compile(
    r"\b(he|him|his|she|her|hers|it|its|they|them|their|theirs|this|that|these|those|there|then|former|latter|ones?|"
    r"such|same|other|earlier|else|also|too)\b|\A\s*(and|but|or|so|what about|how about|why|how so|when|where|who)\W*\Z"
    r"|\A\s*(and|but|or|so|what about|how about)\b",
    re.IGNORECASE,
)


def forms(question: str, history: Sequence[Turn]) -> tuple[str, ...]:
    """The stand-alone questions that `question` can mean after the turns of `history`, oldest first; never none."""
    if history and _POINTS_BACK.search(question):
        return (f"{history[-1].question} {question}",)
    return (question,)
