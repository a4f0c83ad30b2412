"""Questions that a passage only seems to answer: a name or a number of an answered one exchanged for another."""

from __future__ import annotations

import random
import re

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])")
# after a lower-case word, so that no sentence's first word is taken for a name
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w’'-]+(?: [A-Z][\w’'-]+)*")


def swap(question: str, passage: str, document: str, chooser: random.Random) -> str | None:
    """`question` with one name or number that `passage` holds exchanged for one of `document` that it does not.

    The new one has as many words or digits, and neither the passage nor the question holds it, so that the passage
    cannot answer what is then asked. None where there is nothing to exchange.
    """
    held, asked = passage.casefold(), question.casefold()
    swaps = []
    for pattern in (_NUMBER, _NAME):
        others = sorted({match[0] for match in pattern.finditer(document)})
        for match in pattern.finditer(question):
            if match[0].casefold() in held:
                swaps += [
                    (match, other)
                    for other in others
                    if _alike(match[0], other) and not _shared(other.casefold(), held) and other.casefold() not in asked
                ]
    if not swaps:
        return None
    match, other = chooser.choice(swaps)
    return question[: match.start()] + other + question[match.end() :]


def _alike(one: str, other: str) -> bool:
    if one[0].isdigit() or other[0].isdigit():
        return re.sub(r"\d", "0", one) == re.sub(r"\d", "0", other)
    return len(one.split()) == len(other.split())


def _shared(name: str, text: str) -> bool:
    """Whether `text` holds any word of `name`: half a name may name the same thing."""
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in name.split())
