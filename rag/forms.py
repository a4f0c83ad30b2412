"""Query rewriting: turns a question in a conversation into the stand-alone questions that it can mean."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from rag.english.leaning import signs
from rag.english.names import names
from rag.types import Form, Turn

_TURNS = 2
"""The number of last turns that are carried over. Of earlier turns, only names are."""
_CARRIED_WORDS = 20
"""The number of words that are carried over from the start of an answer, which usually has its subject."""
_NAMES = 12
"""The most names of earlier turns that are carried over."""

_CARRIED_BIAS = -1.0
"""Added to the log-odds of forms that carry earlier turns, because a question in doubt is taken to stand alone."""
_STANDS_ALONE = -1.5
"""The log-odds of leaning below which only the question itself is tried."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that a document may contain, but a question may not."""


def possible_forms(question: str, history: Sequence[Turn], language: str = "en") -> tuple[Form, ...]:
    """The stand-alone questions that `question` can mean after `history`, oldest turn first.

    1. The question as it was asked.
    2. If it may lean on earlier turns: the last answered turns and the question, searched in the documents of the last
       answer.
    3. If the last turn was unanswered: its question and the question. Unanswered turns carry nothing else.
    4. As a fallback, the last names and the question, searched in all documents.

    The word lists are English. In another language every question is as likely to lean as not, and there is no
    fallback.
    """
    answered = [turn for turn in history if turn.answer.strip()]
    unanswered = [turn for turn in history[-1:] if not turn.answer.strip()]
    before = " ".join(f"{turn.question} {turn.answer}" for turn in history)
    leans = leaning(question, before) if language == "en" else 0.0
    forms = [Form(question)]
    if leans < _STANDS_ALONE:
        return tuple(forms)
    prior = leans + _CARRIED_BIAS
    candidates = [
        Form(_carried(answered), prior, last.documents, True, last.shown, "" if last.shown else last.answer)
        for last in answered[-1:]
    ]
    candidates.append(Form(_carried(unanswered), prior, carried=True))
    if language == "en":
        candidates.append(Form(_last_names(answered), fallback=True))
    for form in candidates:
        text = " ".join(f"{_UNPRINTABLE.sub(' ', form.text)} {question}".split())
        if form.text and text not in [earlier.text for earlier in forms]:
            forms.append(replace(form, text=text))
    return tuple(forms)


def leaning(question: str, before: str) -> float:
    """Log-odds that an English question cannot be understood without the earlier turns, whose text is `before`."""
    weights, bias = _fitted()
    return bias + math.fsum(weights[sign] * value for sign, value in signs(question, before).items())


def _carried(turns: Sequence[Turn]) -> str:
    """The text of the last of these turns, after the names of the earlier ones."""
    earlier = dict.fromkeys(name for turn in turns[:-_TURNS] for name in _names(turn.question, turn.answer))
    last = [f"{turn.question} {_beginning(turn.answer)}" for turn in turns[-_TURNS:]]
    return " ".join([*list(earlier)[-_NAMES:], *last])


def _last_names(turns: Sequence[Turn]) -> str:
    """The names of the last of these turns that has any."""
    found = (dict.fromkeys(_names(turn.question, _beginning(turn.answer))) for turn in reversed(turns))
    return " ".join(next(filter(None, found), ()))


def _beginning(answer: str) -> str:
    return " ".join(answer.split()[:_CARRIED_WORDS])


def _names(*texts: str) -> list[str]:
    return [text[name.start : name.end] for text in texts for name in names(text)]


@cache
def _fitted() -> tuple[Mapping[str, float], float]:
    fitted = json.loads((Path(__file__).parent / "followup.json").read_text(encoding="utf-8"))
    return fitted["weights"], fitted["bias"]
