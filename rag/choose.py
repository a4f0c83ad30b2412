"""Which sentences are shown: the best, then others that add something."""

from __future__ import annotations

from collections.abc import Sequence

from rag.reader import Reading
from rag.types import Citation, Excerpt

_SHOWN = 3


def choose(readings: Sequence[Reading]) -> tuple[Citation, ...]:
    """The citations to show of `readings`, best first; a sentence that only repeats one already shown is left out."""
    citations: list[Citation] = []
    seen: set[str] = set()
    for reading in readings:
        document = reading.hit.passage.document
        excerpt = Excerpt(document, reading.sentence.span.trimmed(document.text))
        words = " ".join(excerpt.text.casefold().split())
        if words in seen:
            continue
        seen.add(words)
        citations.append(
            Citation(
                number=len(citations) + 1,
                excerpt=excerpt,
                highlight=reading.highlight,
                heading=reading.hit.passage.heading,
                paragraph=reading.sentence.paragraph,
                score=reading.score,
            )
        )
        if len(citations) == _SHOWN:
            break
    return tuple(citations)
