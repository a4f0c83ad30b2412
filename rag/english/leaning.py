"""Signs that an English question leans on earlier turns: rag/forms.py weighs them to decide whether it does.

Their weights in rag/followup.json were fitted with these patterns: a change to one needs a new fit.
"""

import re

from index.text.words import words_of
from rag.english.function_words import DEMONSTRATIVES, PERSONAL
from rag.english.names import CAPITALISED_OR_NUMBER

_PRONOUN = re.compile(rf"\b(?:{PERSONAL})\b", re.IGNORECASE)
# "that" points back at the end of a question, and after these verbs, prepositions and question words; elsewhere it is
# mostly a relative pronoun or a conjunction
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

    pronoun                a pronoun of the third person
    pronoun_after_name     such a pronoun, after a name or number in the question, which it may refer to instead
    demonstrative          this, the same, the former …
    opening                And …, What about …
    more                   else, another, then, there …
    number                 a number
    known_name             a name that `before` contains
    new_name               a name that `before` lacks, in a question that is more than `What about …?`
    words_1 … words_5      words_n: n different words, not counting stop words; words_1 also if there are none
    """
    words = words_of("en")
    pronoun = _PRONOUN.search(question)
    count = max(1, len(set(words(question))))
    known = frozenset(words(before))
    flags = [(name[0].isdigit(), known.issuperset(words(name))) for name in CAPITALISED_OR_NUMBER.findall(question)]
    values = {
        "pronoun": pronoun,
        "pronoun_after_name": pronoun and CAPITALISED_OR_NUMBER.search(question, 0, pronoun.start()),
        "demonstrative": _DEMONSTRATIVE.search(question),
        "opening": _OPENING.match(question),
        "more": _MORE.search(question),
        "number": any(is_number for is_number, _ in flags),
        "known_name": any(is_known and not is_number for is_number, is_known in flags),
        "new_name": any(not is_known and not is_number for is_number, is_known in flags)
        and not _ELLIPTIC.fullmatch(question),
        **{f"words_{n}": n == count for n in range(1, _MANY_WORDS)},
    }
    return {sign: float(bool(value)) for sign, value in values.items()}
