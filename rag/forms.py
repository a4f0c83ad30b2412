"""A question in a conversation becomes the questions that stand alone that it can mean, and one of them is chosen."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from rag.english.leaning import signs
from rag.english.names import names
from rag.readers.load import Reading
from rag.types import Attempt, Turn

FITTED = Path(__file__).parent / "followup.json"

_TURNS = 2
"""How many of the last turns are carried over; of those before, the names alone."""
_CARRIED_WORDS = 20
"""How many words of an answer are carried over: its subject stands at its beginning."""
_NAMES = 12
"""How many names of the turns before."""

# On the tune half of abgcoqa, what was carried over being searched for in all documents: hit@1 .216 where the question
# is read as it was put, .265 as it was searched for, .306 with this mixture. With the reader `trained` .309, and .429
# where it is searched for in the last answer's documents alone, instead of those among others (.371). Before the sixth
# of dev/squad2's tune half that leans the most, a turn about another document took hit@1 from .836 to .831 with this
# bias, and to .807 with a quarter of the confidence in the choice and a bias of -.7, which were here before.
_QUESTION_SHARE = 0.6
"""What the question as it was put counts in the reading of a longer form of it."""
# On 240 of that half, whose histories hold whole sentences, as people are shown them: hit@1 .483 with either share, and
# .318 instead of .240 where the answer does not stand in the sentence shown last.
_SHOWN_SHARE = 0.7
"""And in that of a sentence that was shown last, which what was carried over repeats."""
_CARRIED_BIAS = -1.0
"""In doubt, a question is taken to stand alone."""
_STANDS_ALONE = -1.5
"""The leaning, as log-odds, below which a question is searched for in no other form: of the questions of
dev/canard that lean 3% are below it, and of its rewrites after another conversation, which do not, 94%."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What a document may hold, and with it an answer, but no question."""


@dataclass(frozen=True, slots=True)
class Form:
    """A question that stands alone, and how likely it is what is meant."""

    text: str
    prior: float = 0.0
    """Before anything is searched for, as log-odds against the question as it was put."""
    documents: tuple[str, ...] = ()
    """The ids of those of which alone it is meant; empty: of all."""
    shown: str = ""
    """The last answer, where it is carried over."""
    otherwise: bool = False
    """Whether it is asked only where the likeliest form is not answered, and then as a question of its own."""


def forms(question: str, history: Sequence[Turn], language: str = "en") -> tuple[Form, ...]:
    """What `question` can mean after the turns of `history`, oldest first: itself; itself after what they said, of the
    documents that the last answer was from; or, after the last names in it alone, of any.

    Itself alone where it leans on nothing. The lists of words, and what is taken for a name, are English; in another
    `language` every question is taken to be as likely to lean as not, and names are not carried over alone. What was
    refused said nothing: of such turns only the question of the last is taken, as a form of its own or, where nothing
    was answered yet, as all that there is.
    """
    said = [turn for turn in history if turn.answer.strip()]
    refused = [turn for turn in history[-1:] if not turn.answer.strip()]
    before = " ".join(f"{turn.question} {turn.answer}" for turn in history)
    leans = leaning(question, before) if language == "en" else 0.0
    found = [Form(question)]
    if leans >= _STANDS_ALONE:
        prior = leans + _CARRIED_BIAS
        carried = [Form(_carried(said), prior, last.documents, last.answer) for last in said[-1:]]
        carried.append(Form(_carried(refused), prior))
        if language == "en":
            carried.append(Form(_last_names(said), otherwise=True))
        for form in carried:
            text = " ".join(f"{_UNPRINTABLE.sub(' ', form.text)} {question}".split())
            if form.text and text not in [one.text for one in found]:
                found.append(replace(form, text=text))
    return tuple(found)


def leaning(question: str, before: str) -> float:
    """How likely it is that an English question cannot be understood without what was said before, as log-odds."""
    weights, bias = _fitted()
    return bias + math.fsum(weights[sign] * value for sign, value in signs(question, before).items())


def best_first(
    attempts: Sequence[tuple[Form, Attempt]], as_put: Callable[[Mapping[str, float]], float]
) -> tuple[Attempt, ...]:
    """The attempts at the forms of a question, most likely first; of two as likely, the one given first.

    It counts how likely the form was beforehand and, by `as_put`, what confidence the features of its answer would give
    the question as it was put. The confidence alone is no guide: what was carried over finds its own passage again,
    with much confidence, whatever is asked.
    """
    ordered = sorted(attempts, key=lambda one: -(one[0].prior + _log_odds(as_put(one[1].features))))
    return tuple(attempt for _, attempt in ordered)


def mixed(of_question: Sequence[Reading], of_form: Sequence[Reading], shown: str = "") -> list[Reading]:
    """Two readings of the same passages, for the question as it was put and for a longer form of it, made one.

    A sentence that one of them leaves out was there at most as good as the last that it gives. In those of `shown`,
    the last answer, the question as it was put counts more.
    """
    own, longer = ({_place(reading): reading.score for reading in readings} for readings in (of_question, of_form))
    last, last_longer = min(own.values(), default=0.0), min(longer.values(), default=0.0)
    kept = {_place(reading): reading for reading in (*of_question, *of_form)}
    best = []
    for place, reading in kept.items():
        share = _SHOWN_SHARE if reading.excerpt.text in shown else _QUESTION_SHARE
        score = share * own.get(place, last) + (1 - share) * longer.get(place, last_longer)
        best.append(replace(reading, score=score))
    best.sort(key=lambda reading: -reading.score)
    return best[: max(len(of_question), len(of_form))]


def _carried(turns: Sequence[Turn]) -> str:
    """What the last of these turns said, after the names of those before."""
    names = dict.fromkeys(name for turn in turns[:-_TURNS] for name in _names(turn.question, turn.answer))
    last = [f"{turn.question} {_beginning(turn.answer)}" for turn in turns[-_TURNS:]]
    return " ".join([*list(names)[-_NAMES:], *last])


def _last_names(turns: Sequence[Turn]) -> str:
    """Those in the last of these turns that has any."""
    found = (dict.fromkeys(_names(turn.question, _beginning(turn.answer))) for turn in reversed(turns))
    return " ".join(next(filter(None, found), ()))


def _beginning(answer: str) -> str:
    return " ".join(answer.split()[:_CARRIED_WORDS])


def _names(*texts: str) -> list[str]:
    return [text[name.start : name.end] for text in texts for name in names(text)]


def _place(reading: Reading) -> tuple[str, int]:
    return reading.hit.passage.document.id, reading.sentence.span.start


def _log_odds(probability: float) -> float:
    return math.log((probability + 1e-6) / (1 - probability + 1e-6))


@cache
def _fitted() -> tuple[Mapping[str, float], float]:
    given = json.loads(FITTED.read_text(encoding="utf-8"))
    return given["weights"], given["bias"]
