"""Which words of a sentence answer, for readers that score sentences whole: told from the question's form alone."""

from __future__ import annotations

import re
import unicodedata

from index.lexical import Words
from index.types import Document, Span

_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_NUMBER = r"(?:\d[\d.,]*\d|\d|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|"
_NUMBER += r"sixty|seventy|eighty|ninety|hundreds?|thousands?|dozens?|half|millions?|billions?)"
_DATE = re.compile(
    rf"(?:(?:early|late|mid)[- ])?(?:\d{{1,2}}(?:[–-]\d{{1,2}})?\s+)?{_MONTH}(?:\s+\d{{1,2}})?(?:,?\s+\d{{4}})?"
    r"|\b\d{4}(?:s|[–-]\d{2,4})?\b|\b\d{1,2}(?:st|nd|rd|th)\s+century\b"
)
_QUANTITY = re.compile(
    rf"[$€£]?\b{_NUMBER}(?:[\s-]{_NUMBER})*\b(?:\s*(?:%|percent|per cent|million|billion|trillion|years?|months?|weeks?|"
    r"days?|hours?|minutes?|km|miles|metres|meters|feet|kg|tons?|tonnes|people|dollars|euros))*",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"\b[A-Z][\w’'.-]*(?:\s+(?:(?:of|the|de|la|van|von|and|for|bin|al)\s+)*[A-Z0-9][\w’'.-]*)*(?<![.’'-])"
)
_WORD = re.compile(r"\w+(?:['’.-]\w+)*")

_KINDS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    (re.compile(r"\b(?:when|(?:what|which) (?:year|date|month|day|century|decade)|how long ago)\b", re.I), _DATE),
    (re.compile(r"\b(?:how (?:many|much|long|old|far|tall|often|large|big|high)|(?:what|which) (?:number|percent\w*|"
                r"amount|age|share|proportion))\b", re.I), _QUANTITY),
    (re.compile(r"\b(?:who|whom|whose|where|(?:what|which) (?:person|country|countries|state|city|place|company|"
                r"organi[sz]ation|president|leader|team|language|river|nation|group|name)s?)\b", re.I), _NAME),
)  # fmt: skip


def highlight(question: str, document: Document, sentence: Span, words: Words) -> Span:
    """The words of `sentence` that answer `question`, in the document's offsets; the whole sentence where none stand out.

    A question for a date, a number or a name is answered by the one with most words that the question does not hold
    itself, any other by the longest run of words that it does not hold. `words` says which words are the same.
    """
    whole = sentence.trimmed(document.text)
    text = document[whole]
    asked = frozenset(words(question))
    wanted = next((kind for form, kind in _KINDS if form.search(question)), None)
    candidates = [Span(*match.span()) for match in wanted.finditer(text)] if wanted else []
    news = {span: len(set(words(text[span.start : span.end])) - asked) for span in candidates}
    best = max(candidates, key=lambda span: news[span], default=None)
    if best is None or not news[best]:
        best = _longest_run(text, asked, words) or Span(0, len(text))
    end = best.end
    # a mark that combines with the last letter belongs to its word
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return Span(whole.start + best.start, whole.start + end)


def _longest_run(text: str, asked: frozenset[str], words: Words) -> Span | None:
    """The run of words that has most words outside `asked` and none inside, without stop words at its two ends."""
    best: list[re.Match[str]] = []
    run: list[re.Match[str]] = []
    for match in _WORD.finditer(text):
        stems = words(match[0])
        if asked.intersection(stems):
            run = []
        # stop words have no stem: they may stand inside a run, but neither begin nor lengthen it
        elif stems:
            run = [*run, match]
            best = max(best, run, key=len)
    return Span(best[0].start(), best[-1].end()) if best else None
