"""Questions that a passage only seems to answer: an answered one with a name or number exchanged, or made contrary."""

from __future__ import annotations

import random
import re
from itertools import islice, pairwise

_PAIRS = """
above/below accept/refuse accepted/refused add/remove added/removed after/before agree/disagree agreed/disagreed
ahead/behind allies/enemies allow/forbid allowed/forbidden ally/enemy always/never ancient/modern approve/reject
approved/rejected arrive/depart arrived/departed backward/forward began/ended begin/end best/worst better/worse
birth/death black/white born/killed bottom/top bought/sold brother/sister build/destroy built/destroyed buy/sell
cause/prevent caused/prevented cheap/expensive children/parents closed/opened cold/hot common/uncommon complex/simple
compulsory/voluntary dangerous/safe daughter/son decrease/increase decreased/increased decreases/increases
deep/shallow defeat/victory died/survived different/same difficult/easy dissolved/founded divorced/married dry/wet
earlier/later earliest/latest early/late easier/harder east/west eastern/western empty/full export/import
exports/imports external/internal fail/succeed failed/succeeded false/true farthest/nearest fast/slow faster/slower
fastest/slowest father/mother female/male fewer/more fewest/greatest finished/started first/last future/past gain/loss
gave/received give/receive greater/lesser grew/shrank grow/shrink guilty/innocent happy/sad hate/love hated/loved
heavier/lighter high/low higher/lower highest/lowest husband/wife illegal/legal impossible/possible inside/outside
invisible/visible join/leave joined/left king/queen known/unknown large/small larger/smaller largest/smallest
least/most long/short longer/shorter longest/shortest lose/win loser/winner lost/won lowered/raised major/minor
maximal/minimal maximum/minimum men/women narrow/wide negative/positive north/south northern/southern often/rarely
old/young older/younger oldest/youngest oppose/support opposed/supported optional/required peace/war poor/rich
popular/unpopular powerful/weak private/public quickly/slowly rural/urban stronger/weaker strongest/weakest
student/teacher sunrise/sunset thick/thin unusual/usual with/without
"""
_OPPOSITES = {word: other for pair in _PAIRS.split() for word, other in (pair.split("/"), pair.split("/")[::-1])}
_WORD = re.compile(r"[A-Za-z]+")
_AUXILIARY = re.compile(r"\b(?:is|are|was|were|did|does|do|could|has|had|would|should)\b")
_NEGATION = re.compile(r"\b(?:not|never|no|without|neither|nor|cannot)\b|n['’]t\b", re.IGNORECASE)
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


def contrary(question: str, passage: str, chooser: random.Random) -> str | None:
    """`question` with one word exchanged for its opposite, with "n't" put in, or with two of its names exchanged.

    The passage holds neither the opposite nor, where "n't" is put in, any negation; and it holds both names, so that
    only who did what to whom is another. None where nothing of this can be done.
    """
    held = set(_WORD.findall(passage.casefold()))
    turned = []
    for match in _WORD.finditer(question):
        other = _OPPOSITES.get(match[0].lower())
        if other is not None and other not in held:
            as_written = other.capitalize() if match[0][0].isupper() else other
            turned.append(question[: match.start()] + as_written + question[match.end() :])
    if not _NEGATION.search(passage) and not _NEGATION.search(question):
        turned += [
            f"{question[: at.end()]}n't{question[at.end() :]}" for at in islice(_AUXILIARY.finditer(question), 1)
        ]
    names = [match for match in _NAME.finditer(question) if match[0].casefold() in passage.casefold()]
    for one, two in pairwise(names):
        between = question[one.end() : two.start()]
        if not re.fullmatch(r"\W*(?:(?:and|or)\W*)?", between):
            turned.append(question[: one.start()] + two[0] + between + one[0] + question[two.end() :])
    return chooser.choice(turned) if turned else None


def _alike(one: str, other: str) -> bool:
    if one[0].isdigit() or other[0].isdigit():
        return re.sub(r"\d", "0", one) == re.sub(r"\d", "0", other)
    return len(one.split()) == len(other.split())


def _shared(name: str, text: str) -> bool:
    """Whether `text` holds any word of `name`: half a name may name the same thing."""
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in name.split())
