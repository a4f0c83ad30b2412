"""Signs that an English question leans on the turns before it: the features of query rewriting in conversations.

Their weights in rag/followup.json were fitted with these patterns: a change to one needs a new fit.
"""

import re

from index.text.words import words_of
from rag.english.function_words import DEMONSTRATIVES, PERSONAL
from rag.english.names import CAPITALISED_OR_NUMBER

_PRONOUN = re.compile(rf"\b(?:{PERSONAL})\b", re.IGNORECASE)
# "that" points back if nothing follows it or a verb or preposition goes before, and not as a relative pronoun
_DEMONSTRATIVE = re.compile(
    rf"\b(?:{DEMONSTRATIVES}|those|former|latter|same)\b|\bthat\b(?=\W*\Z)|"
    r"\b(?:is|was|did|does|do|of|in|on|at|for|to|with|after|before|about|by|from|why|how|when) that\b",
    re.IGNORECASE,
)
_AND = "and|but|or|so|then|what about|how about"
_OPENING = re.compile(rf"\W*(?:{_AND}|what else|who else|any|anything|anyone|also)\b", re.IGNORECASE)
# "What about China?" repeats the last question for China
_ELLIPTIC = re.compile(
    rf"\W*(?:(?:{_AND})\b\W*)+(?:(?:in|on|at|for|from|of|with|the|an?)\s+)*\S+(?:\s\S+)?\W*", re.IGNORECASE
)
_MORE = re.compile(
    r"\b(?:else|others?|another|also|too|more|again|next|then|there|afterwards?|later|instead|ones?|either|both|"
    r"besides|further|additional)\b",
    re.IGNORECASE,
)
_MANY_WORDS = 6


def signs(question: str, before: str) -> dict[str, float]:
    """Sign -> 1 if an English question shows it, else 0; `before` is the text of the turns before it.

    pronoun                of the third person
    pronoun_after_name     the same, after a name or number in the question that the pronoun can mean
    demonstrative          this, the same, the former …
    opening                And …, What about …
    more                   else, another, then, there …
    number                 a number
    known_name             a name that `before` contains
    new_name               a name that `before` lacks, in a question that is more than `What about …?`
    words_1 … words_5      the number of different words without stop words; 1 also for none, no sign for more than 5
    """
    words = words_of("en")
    pronoun = _PRONOUN.search(question)
    count = max(1, len(set(words(question))))
    known = frozenset(words(before))
    names = [(name[0].isdigit(), known.issuperset(words(name))) for name in CAPITALISED_OR_NUMBER.findall(question)]
    values = {
        "pronoun": pronoun,
        "pronoun_after_name": pronoun and CAPITALISED_OR_NUMBER.search(question, 0, pronoun.start()),
        "demonstrative": _DEMONSTRATIVE.search(question),
        "opening": _OPENING.match(question),
        "more": _MORE.search(question),
        "number": any(is_number for is_number, _ in names),
        "known_name": any(is_known and not is_number for is_number, is_known in names),
        "new_name": not all(is_known or is_number for is_number, is_known in names)
        and not _ELLIPTIC.fullmatch(question),
        **{f"words_{n}": n == count for n in range(1, _MANY_WORDS)},
    }
    return {sign: float(bool(value)) for sign, value in values.items()}
