"""Which sentences are shown: the best, then others that add something, each with what it needs to be understood."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from statistics import median

from index.types import Document, Sentence, Span
from rag.english.names import is_name_in
from rag.english.standing_alone import stands_alone, without_filling
from rag.readers.load import Reading
from rag.types import Citation, Excerpt

SentencesOf = Callable[[str], Sequence[Sentence]]
"""The tiles of the document with this id, in order."""

_SHOWN = 5
"""Sentences that an answer chooses, and so the most excerpts that it may have."""
_CLOSEST = 3
_NEAR = 0.75
"""How far below the best score a sentence's may be, as a share of the way down to the median of the readings. A share
has no unit, so it serves readers whose scores are of different scales. Measured with the reader similarity on the tune
halves, hit@3 and f1_shown: .93 and .59 on clapnq, .92 and .13 on squad2, against .96 and .60, .91 and .09 where the
best three are always shown."""
_LEAD = 2
"""Sentences that may be shown before one that cannot stand alone."""
_REPEATED = 0.9
"""The share of a sentence's words that, shown already, make it a repeat."""

_WORD = re.compile(r"\w+")


def choose(readings: Sequence[Reading], sentences_of: SentencesOf) -> tuple[Citation, ...]:
    """The citations of an answer, numbered; none only where there is no reading.

    `readings` come best first. One that stands out from them is shown alone; of several that are about as good, up to
    five. Sentences that touch are one excerpt. The excerpt with the best sentence is number 1; the others follow
    document by document, best first, and in reading order within each.
    """
    if not readings:
        return ()
    best = readings[0].score
    least = best - _NEAR * (best - median(reading.score for reading in readings))
    parts: dict[tuple[str, Span], _Part] = {}
    near = (reading for reading in readings if reading.score >= least)
    for place, reading in enumerate(_without_repeats(near, _SHOWN)):
        document = reading.hit.passage.document
        for sentence in _lead(reading, sentences_of):
            parts.setdefault((document.id, sentence.span), _Part(document, sentence))
        parts[document.id, reading.sentence.span] = _Part(document, reading.sentence, reading, place)
    first, *others = sorted(_runs(parts[key] for key in sorted(parts)), key=lambda run: run.place)
    rank: dict[str, int] = {}
    for run in others:
        rank.setdefault(run.best.hit.passage.document.id, len(rank))
    others.sort(key=lambda run: (rank[run.best.hit.passage.document.id], run.span))
    return tuple(_cite(number, run.best, run.span) for number, run in enumerate([first, *others], start=1))


def closest(readings: Sequence[Reading]) -> tuple[Citation, ...]:
    """The citations of what is nearest to a question that is not answered: single sentences, best first."""
    return tuple(
        _cite(number, reading, reading.sentence.span)
        for number, reading in enumerate(_without_repeats(readings, _CLOSEST), start=1)
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """A sentence to be shown: as a reader's choice or, without a reading, to lead up to one."""

    document: Document
    sentence: Sentence
    reading: Reading | None = None
    place: int = _SHOWN
    """Among the readings chosen, from 0: scores may be equal, and then their order counts."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Sentences that touch."""

    span: Span
    best: Reading
    place: int
    """The best one's."""


def _runs(parts: Iterable[_Part]) -> Iterator[_Run]:
    """The runs of `parts`, which come in reading order."""
    run: list[_Part] = []
    for part in parts:
        if run and not _touch(run[-1], part):
            yield _run(run)
            run = []
        run.append(part)
    yield _run(run)


def _touch(one: _Part, following: _Part) -> bool:
    return (
        one.document.id == following.document.id
        and one.sentence.paragraph == following.sentence.paragraph
        and one.sentence.span.end == following.sentence.span.start
    )


def _run(parts: Sequence[_Part]) -> _Run:
    best = min(parts, key=lambda part: part.place)
    assert best.reading is not None
    return _Run(Span(parts[0].sentence.span.start, parts[-1].sentence.span.end), best.reading, best.place)


def _cite(number: int, reading: Reading, span: Span) -> Citation:
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
    """The sentences of the same paragraph that must be shown before the reading's, in reading order; mostly none."""
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
    """The first `most` readings of which each says something that those before it together do not."""
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
    words: list[str] = _WORD.findall(without_filling(passage.document[reading.sentence.span]))
    if words and words[0][0].isupper() and not is_name_in(words[0], passage.text):
        words[0] = words[0][0].lower() + words[0][1:]
    return frozenset(words)


def _adds(words: frozenset[str], said: Set[str]) -> bool:
    new = [word for word in words if word.casefold() not in said]
    # a number or a name may be all that two sentences differ in
    return len(new) > (1 - _REPEATED) * len(words) or any(not word.islower() for word in new)
