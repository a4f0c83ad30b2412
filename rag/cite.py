"""Citing: readings become the excerpts to show, without repeats and with the sentences they need."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from index.types import Document, Sentence, Span
from rag.english.names import is_name_in
from rag.english.standing_alone import stands_alone, without_filling
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
    near = (reading for reading in readings if reading.score >= least)
    parts: dict[tuple[str, Span], _Run] = {}
    for rank, reading in enumerate(_without_repeats(near, _SHOWN)):
        for sentence in (*_lead(reading, sentences_of), reading.sentence):
            place = reading.hit.passage.document.id, sentence.span
            parts.setdefault(place, _Run(rank, reading, sentence.paragraph, sentence.span))
    first, *others = sorted(_runs(parts[place] for place in sorted(parts)), key=lambda run: run.rank)
    documents = list(dict.fromkeys(run.document.id for run in others))
    others.sort(key=lambda run: (documents.index(run.document.id), run.span))
    return tuple(_citation(number, run.best, run.span) for number, run in enumerate((first, *others), start=1))


def cite_closest(readings: Sequence[Reading]) -> tuple[Citation, ...]:
    """The citations for an unanswered question: the nearest sentences, best first."""
    return tuple(
        _citation(number, reading, reading.sentence.span)
        for number, reading in enumerate(_without_repeats(readings, _CLOSEST), start=1)
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """Sentences to show that touch: selected ones and those that lead up to them."""

    rank: int
    """The rank of the best reading among the selected ones, from 0: scores may be equal, then their order counts."""
    best: Reading
    paragraph: int
    span: Span

    @property
    def document(self) -> Document:
        return self.best.hit.passage.document


def _runs(parts: Iterable[_Run]) -> list[_Run]:
    """The runs of `parts`, which are single sentences in reading order."""
    runs: list[_Run] = []
    for part in parts:
        last = runs[-1] if runs else part
        here, there = ((run.document.id, run.paragraph) for run in (last, part))
        if here == there and last.span.end == part.span.start:
            runs[-1] = replace(min(last, part, key=lambda run: run.rank), span=Span(last.span.start, part.span.end))
        else:
            runs.append(part)
    return runs


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
    shown: set[str] = set()
    for reading in readings:
        words = _words(reading)
        new = [word for word in words if word.casefold() not in shown]
        # two sentences may differ only in a number or a name
        if not kept or len(new) > (1 - _REPEATED) * len(words) or any(not word.islower() for word in new):
            kept.append(reading)
            shown.update(word.casefold() for word in words)
        if len(kept) == most:
            break
    return kept


def _words(reading: Reading) -> frozenset[str]:
    """The words that carry meaning. A capital that only opens the sentence becomes a small letter."""
    passage = reading.hit.passage
    words: list[str] = _WORD.findall(without_filling(passage.document[reading.sentence.span]))
    if words and words[0][0].isupper() and not is_name_in(words[0], passage.text):
        words[0] = words[0][0].lower() + words[0][1:]
    return frozenset(words)
