"""The words that a model marks by its word pieces become whole words and whole numbers."""

from __future__ import annotations

import re

from index.types import Hit, Sentence, Span
from rag.reader.highlight import to_words

# what is not to be parted: a number with its separators, its currency and its percent sign; a word with its apostrophe
_WHOLE = re.compile(r"[$€£¥]?\d+(?:[.,:/’']\d+)*\w*\s?%?|\w+(?:[’'-]\w+)*")


def whole_words(marked: Span, hit: Hit, sentence: Sentence) -> Span:
    """`marked` kept inside the sentence and widened so that it parts no word and no number."""
    text = hit.passage.document.text
    within = sentence.span.trimmed(text)
    start, end = max(marked.start, within.start), min(marked.end, within.end)
    if start >= end:
        return within
    for match in _WHOLE.finditer(text, within.start, within.end):
        if match.start() < start < match.end():
            start = match.start()
        if match.start() < end < match.end():
            end = match.end()
    span = to_words(Span(start, end), within, text).trimmed(text)
    return span if len(span) else within
