"""Citing: readings become the excerpts to show, without repeats and with the sentences they need."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from statistics import median

from index.types import Document, Sentence, Span
from rag.types import Citation, Excerpt, Reading

SentencesOf = Callable[[str], Sequence[Sentence]]
"""Returns the sentences of the document with this id, in order."""

_SHOWN = 5
"""Sentences that an answer selects, and so its most excerpts."""
_CLOSEST = 3
"""Excerpts shown for an unanswered question."""
_NEAR = 0.75
"""Distance below the best score that still counts as near, as a share of the distance from the best to the median of
the readings. A share has no unit, so it serves readers with different scales."""
_LEAD = 2
"""Sentences that may be shown before one that cannot stand alone."""
_REPEATED = 0.9
"""The share of a sentence's words, shown already, that makes it a repeat."""

_WORD = re.compile(r"\w+")
_LINKS = (
    "also|and|but|or|nor|so|yet|however|therefore|thus|hence|consequently|accordingly|moreover|furthermore|likewise|"
    "similarly|meanwhile|nevertheless|nonetheless|instead|otherwise|conversely|then|afterwards|"
    "in addition|in contrast|by contrast|in turn|as a result|for example|for instance|on the other hand|of course"
)
# not every word in -ly: Sally and Italy are names
_ADVERBS = (
    r"again|earlier|even|formerly|here|indeed|later|maybe|now|nowadays|often|once|only|perhaps|sometimes|soon|still|"
    r"suddenly|there|thereafter|today|\w{2,}(?:ally|ably|ibly|ately|antly|ently|edly|ously)"
)
_WHERE = "at|by|during|from|in|on|over|through|throughout|under|within"
_WHEN = "after|as|before|since|until"
_BEFORE = (
    f"{_WHERE}|{_WHEN}|about|above|according|against|along|although|among|around|because|behind|below|beside|besides|"
    "between|beyond|despite|due|following|for|if|like|near|of|out|owing|spite|thanks|though|to|towards|unless|"
    "unlike|upon|when|whenever|where|whereas|while|with|without"
)
_PRONOUNS = (
    "it|its|he|him|his|she|her|hers|they|them|their|theirs|this|these|such|"
    r"(?:that|those)(?!\s+(?:who|which|of)\b)"  # these say themselves whom they mean
)
_COUNT = (
    r"\d+|an?|about|almost|couple\s+of|dozen|few|half|just|less|many|more|nearly|only|several|some|than|"
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|hundred"
)
_UNIT = (
    "(?:second|minute|moment|hour|day|week|month|year|decade|morning|afternoon|evening|night|season)s?|century|"
    "centuries|spring|summer|autumn|winter"
)
_DATE = (
    rf"\d+(?:s|st|nd|rd|th)|{_COUNT}|{_UNIT}|{_WHERE}|{_WHEN}|age|and|around|beginning|between|early|end|first|for|"
    "last|late|mid|of|start|the|time|to|war|when|while|(?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    "january|february|march|april|may|june|july|august|september|october|november|december"
)
# whoever "he" is, he is not the place, the time or the office that stands between a preposition and him
_PHRASE = (
    rf"(?:{_WHERE}|{_WHEN}|of)\s+(?:(?:the|an?)\s+)?(?-i:[a-z])\w*|"
    r"(?:at|during|from|in|near|of)\s+(?:the\s+)?(?-i:[A-Z])\w*(?:\s+(?-i:[A-Z])\w*){0,3}"
)
_GAP = r"[\s,–-]++"
_CLEFT = r"it\s+(?:is|was)\s+(?-i:[A-Z])[\s\S]*?\b(?:who|that|which)\b"
# it speaks of what was said before; in English alone, other languages' sentences are shown as they are
_POINTS_BACK = re.compile(
    rf"\W*+(?:(?:{_LINKS})\b\W*+)?(?:"
    # he; after this; because of this; when he
    rf"(?:(?:{_BEFORE})\s+){{0,3}}(?:(?:{_PRONOUNS})\b|the\s+(?:latter|former|two|three|same)\b|"
    rf"both\s+(?!\w+\s+and\b)|neither\b(?!\s+of\b|[\s\S]*\bnor\b)|others\b|another\b)|"
    # one of them; at the end of that year
    rf"(?:(?:{_BEFORE})\s+)?(?:(?:{_COUNT}|all|any|both|each|either|most|much|neither|none|part|the\s+\w+)\s+){{1,3}}"
    rf"of\s+(?:{_PRONOUNS})\b|"
    # in 1902 she; in May 1902 her father; eventually his wife
    rf"(?:(?:{_DATE}){_GAP}){{1,8}}(?!{_CLEFT})(?-i:he|him|his|she|her|it|its|they|their|this|these)\b|"
    rf"(?:{_ADVERBS})\s+(?!{_CLEFT})(?:his|her|its|their|this|these)\b|later\s+that\b|"
    # eventually he; at the age of six, in Paris, she; during the long strike they; but not: the king said he
    rf"(?:(?:{_WHERE})\s+(?:the|an?)\s+\w+\s+\w+{_GAP})?(?:(?:{_ADVERBS}|{_DATE}|{_PHRASE}){_GAP}){{0,8}}"
    rf"(?!{_CLEFT})(?-i:he|she|it|they)\b|the\s+(?-i:[a-z])\w*\s+(?:he|she|they)\b|"
    # two years later; soon afterwards; the following year; since then
    rf"(?:(?:{_COUNT})[\s-]+){{0,4}}(?:{_UNIT})\s+(?:(?:later|earlier|afterwards?)\b(?!\s+than\b)|(?:after|before),)|"
    rf"(?:long|shortly|soon)\s+(?:afterwards?\b|after,)|(?:by|since|until)\s+then\b|"
    rf"(?:(?:{_BEFORE}|early|late)\s+){{0,2}}the\s+(?:following|next|preceding|previous|same)\s+"
    rf"(?:(?:{_COUNT})\s+)?(?:{_UNIT})\b)",
    re.IGNORECASE,
)
# but one that goes on to name whom it speaks of can be understood
_LINKED = re.compile(rf"\W*(?i:{_LINKS})\b\W*+(?![A-Z])")
_NAMES_AFTER_ALL = re.compile(r"\W*(?:It (?:is|was)|This is|That was)\s+[A-Z]|\W*(?:That|Those) (?:who|which|of)\b")
# what adds nothing to a sentence shown already
_FILLING = re.compile(rf"\b(?:{_LINKS})\b|^\W*(?:{_ADVERBS})\b", re.IGNORECASE)


def cite(readings: Sequence[Reading], sentences_of: SentencesOf) -> tuple[Citation, ...]:
    """The citations of an answer, numbered from 1; empty only if there is no reading.

    `readings` come best first. The readings near the best one are shown, at most five and without repeats. Sentences
    that touch become one excerpt. The excerpt with the best sentence is number 1. The others follow document by
    document, best first, in reading order within each.
    """
    if not readings:
        return ()
    best = readings[0].score
    least = best - _NEAR * (best - median(reading.score for reading in readings))
    parts: dict[tuple[str, Span], _Part] = {}
    near = (reading for reading in readings if reading.score >= least)
    for rank, reading in enumerate(_without_repeats(near, _SHOWN)):
        document = reading.hit.passage.document
        for sentence in _lead(reading, sentences_of):
            parts.setdefault((document.id, sentence.span), _Part(document, sentence))
        parts[document.id, reading.sentence.span] = _Part(document, reading.sentence, reading, rank)
    first, *others = sorted(_runs(parts[key] for key in sorted(parts)), key=lambda run: run.rank)
    document_rank: dict[str, int] = {}
    for run in others:
        document_rank.setdefault(run.best.hit.passage.document.id, len(document_rank))
    others.sort(key=lambda run: (document_rank[run.best.hit.passage.document.id], run.span))
    return tuple(_citation(number, run.best, run.span) for number, run in enumerate([first, *others], start=1))


def cite_closest(readings: Sequence[Reading]) -> tuple[Citation, ...]:
    """The citations for an unanswered question: the nearest sentences, best first."""
    return tuple(
        _citation(number, reading, reading.sentence.span)
        for number, reading in enumerate(_without_repeats(readings, _CLOSEST), start=1)
    )


def stands_alone(sentence: str) -> bool:
    """Whether `sentence` can be understood without the one before it."""
    if _NAMES_AFTER_ALL.match(sentence):
        return True
    return not (_POINTS_BACK.match(sentence) or _LINKED.match(sentence))


@dataclass(frozen=True, slots=True)
class _Part:
    """A sentence to show: a selected one or, without a reading, one that leads up to it."""

    document: Document
    sentence: Sentence
    reading: Reading | None = None
    rank: int = _SHOWN
    """Among the selected readings, from 0: scores may be equal, and their order then counts."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Sentences that touch."""

    span: Span
    best: Reading
    rank: int
    """The rank of the best one."""


def _runs(parts: Iterable[_Part]) -> Iterator[_Run]:
    """The runs of `parts`, which come in reading order."""
    run: list[_Part] = []
    for part in parts:
        if run and not _touch(run[-1], part):
            yield _run(run)
            run = []
        run.append(part)
    yield _run(run)


def _touch(part: _Part, following: _Part) -> bool:
    return (
        part.document.id == following.document.id
        and part.sentence.paragraph == following.sentence.paragraph
        and part.sentence.span.end == following.sentence.span.start
    )


def _run(parts: Sequence[_Part]) -> _Run:
    best = min(parts, key=lambda part: part.rank)
    assert best.reading is not None
    return _Run(Span(parts[0].sentence.span.start, parts[-1].sentence.span.end), best.reading, best.rank)


def _citation(number: int, reading: Reading, span: Span) -> Citation:
    passage = reading.hit.passage
    return Citation(
        number=number,
        excerpt=Excerpt(passage.document, span.trimmed(passage.document.text)),
        highlight=reading.highlight,
        heading=passage.heading,
        paragraph=reading.sentence.paragraph,
        score=reading.score,
    )


def _lead(reading: Reading, sentences_of: SentencesOf) -> list[Sentence]:
    """The sentences of its paragraph that a reading needs before it, in reading order; mostly none."""
    document, first = reading.hit.passage.document, reading.sentence
    held: Sequence[Sentence] = reading.hit.passage.sentences
    lead: list[Sentence] = []
    while len(lead) < _LEAD and not stands_alone(document[first.span]):
        if first.span.start == held[0].span.start:
            held = sentences_of(document.id)
        place = bisect_left(held, first.span.start, key=lambda sentence: sentence.span.start)
        if not place or held[place - 1].heading or held[place - 1].paragraph != first.paragraph:
            break
        first = held[place - 1]
        lead.insert(0, first)
    return lead


def _without_repeats(readings: Iterable[Reading], most: int) -> list[Reading]:
    """The first `most` readings that each add something to those before."""
    kept: list[Reading] = []
    said: set[str] = set()
    for reading in readings:
        words = _words(reading)
        if kept and not _adds(words, said):
            continue
        kept.append(reading)
        said.update(word.casefold() for word in words)
        if len(kept) == most:
            break
    return kept


def _words(reading: Reading) -> frozenset[str]:
    """Those that say something; a capital that only opens the sentence is made small."""
    passage = reading.hit.passage
    words: list[str] = _WORD.findall(_FILLING.sub(" ", passage.document[reading.sentence.span]))
    if words and words[0][0].isupper() and not _named(words[0], passage.text):
        words[0] = words[0][0].lower() + words[0][1:]
    return frozenset(words)


def _named(word: str, text: str) -> bool:
    """Whether `word` stands as it is, with its capital, inside a sentence of `text` too: after a letter or a comma."""
    before = (text[found.start() - 1 : found.start()] for found in re.finditer(rf" {word}\b", text))
    return any(sign == "," or sign.isalpha() for sign in before)


def _adds(words: frozenset[str], said: Set[str]) -> bool:
    new = [word for word in words if word.casefold() not in said]
    # a number or a name may be all that two sentences differ in
    return len(new) > (1 - _REPEATED) * len(words) or any(not word.islower() for word in new)
