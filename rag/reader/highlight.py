"""Which words of a sentence answer, for readers that score sentences whole."""

from __future__ import annotations

from index.types import Document, Span


def highlight(question: str, document: Document, sentence: Span) -> Span:
    """The words of `sentence` that answer `question`, in the document's offsets."""
    return sentence.trimmed(document.text)
