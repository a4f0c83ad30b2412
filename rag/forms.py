"""Query rewriting: a question in a conversation becomes the stand-alone questions that it can mean."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from index.text.words import words_of
from rag.types import Form, Turn

FITTED = Path(__file__).parent / "followup.json"

_TURNS = 2
"""Last turns that are carried over; of earlier ones only names are."""
_CARRIED_WORDS = 20
"""Words of an answer that are carried over: its subject stands at its beginning."""
_NAMES = 12
"""Names of earlier turns that are carried over."""

_CARRIED_BIAS = -1.0
"""Log-odds: if in doubt, a question is taken to stand alone."""
_STANDS_ALONE = -1.5
"""Log-odds of leaning below which only the question itself is tried."""

NAME = re.compile(r"(?<=\s)[^\W\d_a-z][\w’'-]+|\d[\d.,]*")
"""A name in a question, told by a capital that does not begin it, or a number."""
_PRONOUN = re.compile(
    r"\b(he|him|his|himself|she|hers?|herself|it|its|itself|they|them|their|theirs|themselves)\b", re.IGNORECASE
)
# "that" points back where nothing follows it or a verb or preposition goes before, and not as a relative pronoun
_DEMONSTRATIVE = re.compile(
    r"\b(this|these|those|such|former|latter|same)\b|\bthat\b(?=\W*\Z)|"
    r"\b(is|was|did|does|do|of|in|on|at|for|to|with|after|before|about|by|from|why|how|when) that\b",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"\A\W*(and|but|or|so|then|what about|how about|what else|who else|any|anything|anyone|also)\b", re.IGNORECASE
)
# "What about China?" asks of it what was asked before
_ELLIPTIC = re.compile(
    r"\W*(?:(?:and|but|or|so|then|what about|how about)\b\W*)+(?:(?:in|on|at|for|from|of|with|the|an?)\s+)*"
    r"\S+(?:\s\S+)?\W*",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"\b(else|others?|another|also|too|more|again|next|then|there|afterwards?|later|instead|ones?|either|both|besides|"
    r"further|additional)\b",
    re.IGNORECASE,
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that a document may contain, but a question may not."""
_CAPITALISED = re.compile(r"(?<!\S)[^\W\d_a-z][\w’'-]*(?:\s+[^\W\d_a-z][\w’'-]*)*")
_MANY_WORDS = 6
# what a question or a sentence begins with, and so with a capital, without being a name
_NO_NAME = re.compile(
    r"a|an|and|are|as|at|but|can|could|did|do|does|for|from|had|has|have|he|her|his|how|i|if|in|is|it|its|no|of|on|or|"
    r"our|she|should|so|that|the|their|there|these|they|this|those|to|was|we|were|what|when|where|which|who|whom|whose|"
    r"why|will|with|would|yes|you|after|all|also|although|among|because|before|between|both|by|during|each|even|every|"
    r"first|however|later|many|most|only|other|several|since|some|such|then|though|through|thus|under|until|while|your|"
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|not",
    re.IGNORECASE,
)


def possible_forms(question: str, history: Sequence[Turn], language: str = "en") -> tuple[Form, ...]:
    """The stand-alone questions that `question` can mean after `history`, oldest turn first.

    1. The question as it was put.
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


def signs(question: str, before: str) -> dict[str, float]:
    """The features of `leaning`, each 0 or 1.

    pronoun                a pronoun of the third person
    pronoun_after_name     such a pronoun, after a name or number in the question that it can refer to
    demonstrative          this, the same, the former …
    opening                And …, What about …
    more                   else, another, then, there …
    number                 a number
    known_name             a name that earlier turns contain
    new_name               a name that they do not contain, unless the question only asks "What about …?"
    words_1 … words_5      the number of distinct words without stop words (words_1 also for none)
    """
    pronoun = _PRONOUN.search(question)
    words = max(1, len(set(words_of("en")(question))))
    known = frozenset(words_of("en")(before))
    named = [(name[0].isdigit(), known.issuperset(words_of("en")(name))) for name in NAME.findall(question)]
    found = {
        "pronoun": pronoun is not None,
        "pronoun_after_name": pronoun is not None and NAME.search(question, 0, pronoun.start()) is not None,
        "demonstrative": _DEMONSTRATIVE.search(question) is not None,
        "opening": _OPENING.search(question) is not None,
        "more": _MORE.search(question) is not None,
        "number": any(number for number, _ in named),
        "known_name": any(said and not number for number, said in named),
        "new_name": not all(said or number for number, said in named) and not _ELLIPTIC.fullmatch(question),
        **{f"words_{count}": words == count for count in range(1, _MANY_WORDS)},
    }
    return {name: float(value) for name, value in found.items()}


def _carried(turns: Sequence[Turn]) -> str:
    """The text of the last of these turns, after the names of the earlier ones."""
    names = dict.fromkeys(name for turn in turns[:-_TURNS] for name in _names(turn.question, turn.answer))
    last = [f"{turn.question} {_beginning(turn.answer)}" for turn in turns[-_TURNS:]]
    return " ".join([*list(names)[-_NAMES:], *last])


def _last_names(turns: Sequence[Turn]) -> str:
    """The names of the last of these turns that has any."""
    found = (dict.fromkeys(_names(turn.question, _beginning(turn.answer))) for turn in reversed(turns))
    return " ".join(next(filter(None, found), ()))


def _beginning(answer: str) -> str:
    return " ".join(answer.split()[:_CARRIED_WORDS])


def _names(*texts: str) -> list[str]:
    found = [name for text in texts for name in _CAPITALISED.findall(text)]
    names = (" ".join(word for word in name.split() if not _NO_NAME.fullmatch(word)) for name in found)
    return [name for name in names if name]


@cache
def _fitted() -> tuple[Mapping[str, float], float]:
    given = json.loads(FITTED.read_text(encoding="utf-8"))
    return given["weights"], given["bias"]
