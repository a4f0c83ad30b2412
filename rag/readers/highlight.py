"""Highlighting by rules: finds the answering words of a sentence, for readers that score only whole sentences."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from index.text.words import Words
from index.types import Document, Span
from rag.english.dates import TIME
from rag.english.function_words import FUNCTION_WORDS
from rag.english.names import PHRASE
from rag.english.numbers import QUANTITY
from rag.readers.widen_to_words import whole_words

_WORD = re.compile(r"\w+(?:['’.-]\w+)*")
_KINDS = (
    (r"when|(?:what|which) (?:year|date|month|day|century|decade)|how long ago", TIME),
    (
        r"how (?:many|much|long|old|far|tall|often|large|big|high)|"
        r"(?:what|which) (?:number|percent\w*|amount|age|share|proportion)",
        QUANTITY,
    ),
    (
        "who|whom|whose|where|(?:what|which) (?:person|country|countries|state|city|place|company|organi[sz]ation|"
        "president|leader|team|language|river|nation|group|name)s?",
        PHRASE,
    ),
)


def highlight(question: str, document: Document, sentence: Span, words: Words) -> Span:
    """The words of `sentence` that answer `question`, in the document's offsets; all of it if none stand out.

    If the question asks for a date, a number or a name, candidates are those with a word that is not in the question,
    and the one nearest to a word of the question is taken. For other questions, or without a candidate, it is the
    longest run of words that are not in the question. Words with the same stem in `words` are equal.
    """
    whole = sentence.trimmed(document.text)
    text = document[whole]
    asked = frozenset(words(question))
    stems = {Span(*match.span()): words.of_word(match[0]) for match in _WORD.finditer(text)}
    known = [word.start for word in stems if stems[word] & asked]
    unknown = [word.start for word in stems if stems[word] - asked]
    kind = next((kind for form, kind in _KINDS if re.search(rf"\b(?:{form})\b", question, re.IGNORECASE)), None)
    candidates = [Span(*match.span()) for match in kind.finditer(text)] if kind else []
    new = [span for span in candidates if any(span.start <= place < span.end for place in unknown)]
    best = min(new, key=lambda span: _distance(span, known), default=None) or _longest_run(text, stems, asked)
    return whole_words(Span(whole.start + best.start, whole.start + best.end), whole, document.text)


def _distance(span: Span, places: Sequence[int]) -> int:
    """Characters from `span` to the nearest of `places` that lies outside it; 0 if there is none."""
    outside = (place for place in places if not span.start <= place < span.end)
    return min((min(abs(place - span.start), abs(place - span.end)) for place in outside), default=0)


def _longest_run(text: str, stems: Mapping[Span, frozenset[str]], asked: frozenset[str]) -> Span:
    """The longest run of words that are not in `asked`; all of `text` if every word is."""
    # words without a stem, such as stop words, may be inside a run, but neither end it nor count in its length
    content = [
        word
        for word in stems
        if stems[word] & asked or (stems[word] and text[word.start : word.end].casefold() not in FUNCTION_WORDS)
    ]
    runs = [[*run] for is_asked, run in groupby(content, lambda word: bool(stems[word] & asked)) if not is_asked]
    run = max(runs, key=len, default=[Span(0, len(text))])
    return Span(run[0].start, run[-1].end)
