"""English names of people, places and organisations, recognised by capitals: with initials and particles, not ranks."""

import re
from collections.abc import Iterator

from index.types import Span
from rag.english.dates import DATE, MONTHS, WEEKDAYS
from rag.english.function_words import SENTENCE_OPENERS
from rag.english.numbers import NUMBER

# admits small letters outside ASCII, such as é, and letters without case
CAPITALISED = r"[^\W\d_a-z][\w’'-]+"
CAPITALISED_OR_NUMBER = re.compile(rf"(?<=\s){CAPITALISED}|\d[\d.,]*")
"""A number, or a name in a question: a word with a capital that does not begin the question.

The weights of the confidence, and of the signs that a question leans on earlier turns, were fitted with this pattern:
a change needs new fits.
"""

# the capital letters of the Latin, Greek, Cyrillic and Armenian scripts
_UPPER = "".join(letter for letter in map(chr, (*range(0x590), *range(0x1E00, 0x2000))) if letter.isupper())
_PART = (
    r"(?:(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|Lt|Col|Sgt|Rev|Sen|Gov|Mt)\.|"
    rf"(?:[{_UPPER}]\.)+|[{_UPPER}]\w*(?:[’'-]\w+)*)"
)
_PARTICLE = r"(?:de|del|della|der|den|di|da|dos|du|la|le|van|von|zu|ten|bin|ibn|al|el|y)"
_PARTS = re.compile(rf"\b{_PART}(?:(?:\s?&\s?|\s(?:{_PARTICLE}\s){{0,2}}){_PART})*")
# two words joined by & count as one
_WORD = re.compile(r"\S+(?:\s&\s\S+)*")
# what completes a name: `of` and another name, or a short number; group 1 is what stands before the completion
_COMPLETION = re.compile(rf"(\sof\s(?:the\s)?(?={_PART})|\s(?=\d{{1,3}}(?![\w.,:%–-])))(?:{_PARTS.pattern}|\d+)")
PHRASE = re.compile(rf"\b{_PART}(?:\s+(?:(?:{_PARTICLE}|of|the|and|for)\s+)*(?:{_PART}|\d[\w’'-]*))*")
"""Names and numbers in a row, with the small words between them: the Bank of England and the Duke of York."""

_LONGEST = 5
"""The longest name, in words. More capitals in a row are a headline."""
# a rank is not part of the name after it, and ends a name before it: two names in Russian President Vladimir Putin
RANKS = (
    "president|vice|chancellor|minister|king|queen|prince|princess|emperor|pope|bishop|archbishop|cardinal|general|"
    "colonel|captain|admiral|senator|governor|mayor|secretary|ambassador|professor|chairman|director"
)
_RANKS = frozenset(RANKS.split("|"))
_NO_NAME = SENTENCE_OPENERS | {"one", *f"{MONTHS}|{WEEKDAYS}".casefold().split("|")}
_SUFFIX = re.compile(r"(?:Jr|Sr)\.?|[IVX]+")


def names(text: str) -> Iterator[Span]:
    """The names in `text`, in order, without ranks before them and without words that only open a sentence."""
    for parts in _PARTS.finditer(text):
        words = [*_WORD.finditer(text, *parts.span())]
        # the indices of the words that are neither a rank nor a suffix such as Jr or VIII
        proper = [
            n for n, word in enumerate(words) if word[0].casefold() not in _RANKS and not _SUFFIX.fullmatch(word[0])
        ]
        last_proper = max(proper, default=-1)
        run: list[re.Match[str]] = []
        for n, word in enumerate(words):
            folded = word[0].casefold()
            # a rank is part of a name only at its end: Stephen King. A month, weekday or word that opens sentences is
            # part of one, unless it would be the first word or begins a date.
            in_no_name = (folded in _RANKS and (not run or n < last_proper)) or (
                folded in _NO_NAME and (not run or _begins_date(word))
            )
            if not in_no_name:
                run.append(word)
            # a possessive ends a name: France’s Emmanuel Macron
            if in_no_name or word[0].endswith(("’s", "'s")) or n == len(words) - 1:
                if 0 < len(run) <= _LONGEST and not NUMBER.fullmatch(text, run[0].start(), run[-1].end()):
                    yield Span(run[0].start(), run[-1].end())
                run = []


def completed(text: str, end: int) -> tuple[int, int]:
    """(start, end) of what completes the name that ends at `end`: Bank of *England*, Apollo *11*.

    Both are `end` if there is none.
    """
    match = _COMPLETION.match(text, end)
    return (match.end(1), match.end()) if match else (end, end)


def is_name_in(word: str, text: str) -> bool:
    """Whether `word` also has its capital inside a sentence of `text`, as a name has: after a letter or a comma."""
    before = (text[match.start() - 1 : match.start()] for match in re.finditer(rf" {word}\b", text))
    return any(character == "," or character.isalpha() for character in before)


def _begins_date(word: re.Match[str]) -> bool:
    date = DATE.match(word.string, word.start())
    return date is not None and date.end() > word.end()
