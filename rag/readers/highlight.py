"""Which words of a sentence answer, for readers that score sentences whole: told from the question's form alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.text.words import Words
from index.types import Document, Span
from rag.readers.widen_to_words import whole_words

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_NUMBERS = (
    r"\d[\d.,]*\d|\d|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|sixty|"
    "seventy|eighty|ninety|hundreds?|thousands?|dozens?|half|millions?|billions?"
)
_UNITS = (
    "%|percent|per cent|million|billion|trillion|years?|months?|weeks?|days?|hours?|minutes?|km|miles|metres|meters|"
    "feet|kg|tons?|tonnes|people|dollars|euros"
)
_DATE = re.compile(
    rf"(?:(?:early|late|mid)[- ])?(?:\d{{1,2}}(?:[–-]\d{{1,2}})?\s+)?"
    rf"(?:{_MONTHS})(?:\s+\d{{1,2}}\b)?(?:,?\s+\d{{4}}\b)?"
    r"|\b\d{4}(?:s|[–-]\d{2,4})?\b|\b\d{1,2}(?:st|nd|rd|th)\s+century\b"
)
_QUANTITY = re.compile(rf"[$€£]?\b(?:{_NUMBERS})(?:[\s-](?:{_NUMBERS}))*\b(?:\s*(?:{_UNITS}))*", re.IGNORECASE)
_NAME = re.compile(
    r"\b[A-Z][\w’'.-]*(?:\s+(?:(?:of|the|de|la|van|von|and|for|bin|al)\s+)*[A-Z0-9][\w’'.-]*)*(?<![.’'-])"
)
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")
# besides the stop words of search: an answer neither begins nor ends with one of these
_FUNCTION_WORDS = frozenset(
    """
    about above after against among around because before behind below beneath beside between beyond but can could
    did do does during each from had has have he her his how however its may might more most must nor of our over
    she should since so some such than their them then there they this those though through under until upon very
    was we were what when where which while who whom whose why will with within without would yet you your
    """.split()  # noqa: SIM905 (a list of a hundred strings is not read)
)

_KINDS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (re.compile(r"\b(?:when|(?:what|which) (?:year|date|month|day|century|decade)|how long ago)\b", re.I), _DATE),
    (re.compile(r"\b(?:how (?:many|much|long|old|far|tall|often|large|big|high)|(?:what|which) (?:number|percent\w*|"
                r"amount|age|share|proportion))\b", re.I), _QUANTITY),
    (re.compile(r"\b(?:who|whom|whose|where|(?:what|which) (?:person|country|countries|state|city|place|company|"
                r"organi[sz]ation|president|leader|team|language|river|nation|group|name)s?)\b", re.I), _NAME),
)  # fmt: skip


def highlight(question: str, document: Document, sentence: Span, words: Words) -> Span:
    """The words of `sentence` that answer `question`, in the document's offsets; the whole of it where none stand out.

    A question for a date, a number or a name is answered by one that it does not hold itself, the nearest to a word
    that it does; any other by the longest run of words that it does not hold. `words` says which words are the same.
    """
    whole = sentence.trimmed(document.text)
    text = document[whole]
    asked = frozenset(words(question))
    wanted = next((kind for form, kind in _KINDS if form.search(question)), None)
    candidates = [Span(*match.span()) for match in wanted.finditer(text)] if wanted else []
    held = [(match, words.of_word(match[0])) for match in _WORD.finditer(text)]
    known = [match.start() for match, stems in held if stems & asked]
    unknown = [match.start() for match, stems in held if stems - asked]
    new = [span for span in candidates if any(span.start <= place < span.end for place in unknown)]
    best = min(new, key=lambda span: _distance(span, known), default=None)
    if best is None:
        best = _longest_run(held, asked) or Span(0, len(text))
    return whole_words(Span(whole.start + best.start, whole.start + best.end), whole, document.text)


def _distance(span: Span, places: Sequence[int]) -> int:
    """Characters from `span` to the nearest of `places` that lies outside it."""
    outside = (place for place in places if not span.start <= place < span.end)
    return min((min(abs(place - span.start), abs(place - span.end)) for place in outside), default=0)


def _longest_run(held: Sequence[tuple[re.Match[str], frozenset[str]]], asked: frozenset[str]) -> Span | None:
    """The run of words that has most words outside `asked` and none inside, without stop words at its two ends."""
    best: list[re.Match[str]] = []
    run: list[re.Match[str]] = []
    for match, stems in held:
        if stems & asked:
            run = []
        # stop words have no stem: they and their like may stand inside a run, but neither begin nor lengthen it
        elif stems and match[0].casefold() not in _FUNCTION_WORDS:
            run = [*run, match]
            best = max(best, run, key=len)
    return Span(best[0].start(), best[-1].end()) if best else None
