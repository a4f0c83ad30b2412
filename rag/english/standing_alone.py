"""Whether an English sentence can be understood without the one before it: anaphora at its beginning."""

import re

from rag.english import dates, numbers
from rag.english import function_words as words

_ADVERB = f"(?:{words.ADVERBS}|{words.ADVERBS_IN_LY})"
_BEFORE = f"(?:{words.PREPOSITIONS}|{words.OTHER_PREPOSITIONS}|{words.CONJUNCTIONS})"
# "those who" and "that of" are explained by the words after them
_POINTER = rf"(?:{words.PERSONAL}|{words.DEMONSTRATIVES}|(?:that|those)(?!\s+(?:who|which|of)\b))\b"
_COUNT = (
    rf"(?:\d+|{numbers.ONES}|{numbers.TEENS}|{numbers.TENS}|{numbers.SCALES}|{words.QUANTIFIERS}|"
    r"an?|about|almost|couple\s+of|half|just|less|nearly|only|than)"
)
_PERIOD = f"(?:{numbers.PERIODS})"
_DATE = (
    rf"(?:\d+(?:s|st|nd|rd|th)|{_COUNT}|{_PERIOD}|{words.OF_PLACE}|{words.OF_TIME}|{dates.MONTHS}|{dates.WEEKDAYS}|"
    "age|and|around|beginning|between|early|end|first|for|last|late|mid|of|start|the|time|to|war|when|while)"
)
# a pronoun does not refer to a place, time or office that stands after a preposition
_PHRASE = (
    rf"(?:(?:(?:{words.OF_PLACE}|{words.OF_TIME}|of)\s+(?:(?:the|an?)\s+)?|(?:{words.OF_PLACE})\s+(?:the|an?)\s+\w+\s+)"
    r"(?-i:[a-z])\w*|"
    r"(?:at|during|from|in|near|of)\s+(?:the\s+)?(?-i:[A-Z])\w*(?:\s+(?-i:[A-Z])\w*){0,3})"
)
_GAP = r"[\s,–-]++"
_NO_CLEFT = r"(?!it\s+(?:is|was)\s+(?-i:[A-Z])[\s\S]*?\b(?:who|that|which)\b)"
_POINTS_BACK = re.compile(
    rf"\W*+(?:(?:{words.CONNECTIVES})\b\W*+)?(?:"
    # he; after this; because of this; when he
    rf"(?:{_BEFORE}\s+){{0,3}}(?:{_POINTER}|the\s+(?:latter|former|two|three|same)\b|"
    rf"both\s+(?!\w+\s+and\b)|neither\b(?!\s+of\b|[\s\S]*\bnor\b)|others\b|another\b)|"
    # one of them; at the end of that year
    rf"(?:{_BEFORE}\s+)?(?:(?:{_COUNT}|none|part|the\s+\w+)\s+){{1,3}}of\s+{_POINTER}|"
    # in May 1902 her father; eventually his wife; but not: after the king, his son
    rf"(?:(?:{_ADVERB}|{_DATE}){_GAP}){{1,8}}{_NO_CLEFT}(?-i:{words.PERSONAL}|this|these)\b|later\s+that\b|"
    # eventually he; at the age of six, in Paris, she; the mill he built; but not: the king said he
    rf"(?:(?:{_ADVERB}|{_DATE}|{_PHRASE}){_GAP}){{0,8}}{_NO_CLEFT}(?-i:{words.SUBJECTS})\b|"
    r"the\s+(?-i:[a-z])\w*\s+(?:he|she|they)\b|"
    # two years later; soon afterwards; the following year; since then
    rf"(?:{_COUNT}[\s-]+){{0,4}}{_PERIOD}\s+(?:(?:later|earlier|afterwards?)\b(?!\s+than\b)|(?:after|before),)|"
    rf"(?:long|shortly|soon)\s+(?:afterwards?\b|after,)|(?:by|since|until)\s+then\b|"
    rf"(?:(?:{_BEFORE}|early|late)\s+){{0,2}}the\s+(?:following|next|preceding|previous|same)\s+"
    rf"(?:{_COUNT}\s+)?{_PERIOD}\b)",
    re.IGNORECASE,
)
# a sentence that then names its subject can be understood
_LINKED = re.compile(rf"\W*(?i:{words.CONNECTIVES})\b\W*+(?![A-Z])")
_NAMES_AFTER_ALL = re.compile(r"\W*(?:It (?:is|was)|This is|That was)\s+[A-Z]|\W*(?:That|Those) (?:who|which|of)\b")
_FILLING = re.compile(rf"\b(?:{words.CONNECTIVES})\b|^\W*{_ADVERB}\b", re.IGNORECASE)


def stands_alone(sentence: str) -> bool:
    """Whether `sentence` can be understood without the one before it. True for other languages."""
    return bool(_NAMES_AFTER_ALL.match(sentence)) or not (_POINTS_BACK.match(sentence) or _LINKED.match(sentence))


def without_filling(sentence: str) -> str:
    """`sentence` without connectives and an opening adverb, which say nothing that a sentence shown before does not."""
    return _FILLING.sub(" ", sentence)
