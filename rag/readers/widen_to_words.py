"""A marked span of a sentence becomes whole: it parts no word, number, date, quotation or name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from index.types import Span

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December|"
    r"(?:Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec)\.?)"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DAYS = rf"{_DAY}(?:\s?[–-]\s?{_DAY})?"
# no more than a handful, here and below: a list of thousands is not read anew from each of its items
_LISTED = rf"{_DAY}(?:,\s{_DAY}){{0,5}},?\s(?:and|or|to)\s{_DAY}"
# after a month a list ends in a year or at a mark: on June 5 and 7 people came
_LIST_ENDS = r"(?=,?\s\d{4}\b|[,.;:!?)\]”\"](?!\d)|\Z)"
_YEAR = r"(?:,?\s\d{4}\b)?"
_DATE = re.compile(
    rf"\b(?:{_LISTED}|{_DAYS})(?:\sof)?\s{_MONTH}(?!\w){_YEAR}|"
    rf"\b{_MONTH}(?!\w)(?:\s{_LISTED}{_LIST_ENDS}|\s{_DAYS}(?!\w)|(?=,?\s\d)){_YEAR}"
)
_ERA = r"(?:BCE?|AD|CE)\b"

_ONES = r"(?:one|two|three|four|five|six|seven|eight|nine)\b"
_TEENS = r"(?:ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen)\b"
_TENS = r"(?:twen|thir|for|fif|six|seven|eigh|nine)ty"
_SMALL = rf"(?:{_TENS}\b(?:[\s-]{_ONES}(?!-))?|{_TEENS}|{_ONES})"
_SCALE = r"(?:hundred|thousand|million|billion|trillion|dozen|lakh|crore)\b"
# small numbers in a row are many, unless one of them is multiplied; and `two million and three million` are two
_IN_WORDS = (
    rf"\b(?i:(?:{_SMALL}[\s-])?{_SCALE}(?:[\s-]{_SCALE}|[\s-]{_SMALL}(?!-)|"
    rf"(?<=hundred)\sand\s{_SMALL}(?!-|\shundred\b)|\sand\s{_SMALL}(?!-|\s{_SCALE}))*|{_SMALL})"
)
_ORDINAL = (
    rf"(?:\d+(?:st|nd|rd|th)|(?:{_TENS}-)?(?:first|second|third|(?:four|fif|six|seven|eigh|nin)th)|"
    r"(?:ten|eleven|twelf|(?:thir|four|fif|six|seven|eigh|nine)teen|twentie)th)"
)
_CENTURY = re.compile(
    rf"\b(?i:{_ORDINAL}(?:(?:\s(?:and|or|to)\s|\s?[–-]\s?){_ORDINAL}){{0,3}}"
    rf"[\s-](?:century|centuries|millennium|millennia))\b(?:\s{_ERA})?"
)

_CURRENCY = r"[$£¢¥฿\u20a0-\u20cf]"
# a hyphen between two words or numbers is no sign
_SIGN = r"(?:(?<![^\s(\[“‘\"'«„])[+±−-])"
_IN_THREES = r"(?<!\w)(?<!\w[.,:/’'–-])\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3}(?!\d))+"
_FRACTION = r"[¼-¾⅐-⅞]"
_UNIT_OF = (
    rf"(?:\s?(?:[%‰٪]|°[CF]?|{_CURRENCY}(?!\s?\d))|\s(?:{_SCALE}|[bmt]n\b|per\scent\b|percent\b|"
    rf"[kcm]?m[²³]?\b|[km]?g\b|[kMG]?Hz\b|[kKMGT]B\b|km/h\b|mph\b|(?:[ap]\.?m|[AP]\.?M)\b\.?(?!\w)|{_ERA}))"
)
_NUMBER = re.compile(
    rf"(?:{_SIGN}?(?:(?:\b(?:[A-Z]{{1,3}}|(?:US|HK)\s))?{_CURRENCY}\s?)?"
    # the T and the + are of 2021-03-04T12:00+01:00; a year is not the whole part of a mixed number
    rf"(?:{_IN_THREES}|\d+)(?:[.,:/’'٫٬–-]\d+|T\d+|\+\d\d:\d\d)*\w*(?:(?<!\w\w\w)\s?{_FRACTION})?|"
    rf"{_FRACTION}|{_IN_WORDS}){_UNIT_OF}*"
)
_INITIALS = re.compile(r"\b(?:[^\W\d_]\.){2,}")

_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")

# of the Latin, Greek, Cyrillic and Armenian letters
_UPPER = "".join(letter for letter in map(chr, (*range(0x590), *range(0x1E00, 0x2000))) if letter.isupper())
_CAPITAL = (
    r"(?:(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|Lt|Col|Sgt|Rev|Sen|Gov|Mt)\.|"
    rf"(?:[{_UPPER}]\.)+|[{_UPPER}]\w*(?:[’'-]\w+)*)"
)
_PARTICLE = r"(?:de|del|della|der|den|di|da|dos|du|la|le|van|von|zu|ten|bin|ibn|al|el|y)"
_NAME = re.compile(rf"\b{_CAPITAL}(?:(?:\s?&\s?|\s(?:{_PARTICLE}\s){{0,2}}){_CAPITAL})*")
# what completes a name, and is also whole without it: the King *of France*, Apollo *11*
_COMPLEMENT = re.compile(rf"\sof\s(?:the\s)?(?={_CAPITAL})|\s(?=\d{{1,3}}(?![\w.,:%–-]))")
_NAME_WORD = re.compile(r"\S+")
_DIGITS = re.compile(r"\d+")
_LONGEST_NAME = 5
"""Words; more capitals in a row are a headline."""
# ranks stand before a name, be it in the midst of capitals: Russian President Vladimir Putin
_RANKS = frozenset(
    """
    president vice chancellor minister king queen prince princess emperor pope bishop archbishop cardinal general
    colonel captain admiral senator governor mayor secretary ambassador professor chairman director
    """.split()  # noqa: SIM905 (as below)
)
# capitals that begin no name: ranks, and those of a sentence's beginning and of dates
_NO_NAME = _RANKS | frozenset(
    """
    a about according after all along also although among an and another any are as at because before both but by can
    did do does during each either every few following for former from had has have he her here his how however i if
    in is it its later many may more most much my neither no nor not now of on once one only or other our over several
    she since so some such than that the their then there these they this those though through thus to today under
    unlike until was we were what when where whether which while who why with within without yesterday yet you your
    january february march april june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday
    """.split()  # noqa: SIM905 (a list of a hundred strings is not read)
)
# what may follow the last word of a name
_SUFFIX = re.compile(r"(?:Jr|Sr)\.?|[IVX]+")

# straight single quotes are also apostrophes, and those of years: the '90s
_PAIRS = re.compile(
    r"“[^“”]*”|„[^„“”]*[“”]|\"[^\"]*\"|«[^«»]*»|(?<!\w)‘(?:[^‘’]|’(?=\w))*’|"
    r"(?<![^\s(\[“\"«„])'(?=[^\W\d])(?:[^']|(?<=\w)'(?=\w))*(?<=\S)'(?!\w)|\([^()]*\)|\[[^\[\]]*\]",
)
_QUOTING = '“”„"«»()[]'
_SHORT = 6
"""Words of a quotation that is not marked in part: a title, a coined phrase."""
_LONG = 15
"""Words beyond which a quotation is not marked whole because the mark runs into it."""
_JOINERS = "’'.-\u00ad\u2011"


def whole_words(marked: Span, sentence: Span, text: str) -> Span:
    """`marked`, kept inside `sentence`, widened so that it parts nothing; the sentence where nothing of it is marked.

    A word holds its hyphens, apostrophes and combining marks; a number its separators, currency and unit; a name its
    initials and particles. A mark inside a long quotation stays there, and one that runs into it stays on the side of
    which it holds more. Blanks and unmatched quotation marks and brackets are dropped at the two ends.
    """
    within = sentence.trimmed(text)
    start, end = max(marked.start, within.start), min(marked.end, within.end)
    if start >= end:
        return within
    # cut out, so that no pattern looks beyond the sentence
    body = text[within.start : within.end]
    span = Span(start - within.start, end - within.start).trimmed(body)
    if not len(span):
        return within
    pairs = [*_pairs(body, 0, len(body))]
    units = sorted(_units(body), key=lambda unit: unit.span)
    span = _on_one_side(_without_lone_marks(span, pairs, body), pairs, body)
    while (wider := _widened(_to_words(span, body), units, pairs, body)) != span:
        span = wider
    span = _without_lone_marks(span, pairs, body)
    return Span(within.start + span.start, within.start + span.end)


def _pairs(text: str, start: int, end: int) -> Iterator[Span]:
    """The quotations and brackets, and those in them; no two cross."""
    for match in _PAIRS.finditer(text, start, end):
        yield Span(*match.span())
        yield from _pairs(text, match.start() + 1, match.end() - 1)


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is not to be parted."""

    span: Span
    bound_to: int
    """The end of what cannot be left out at its beginning: what follows is also whole by itself."""


def _units(text: str) -> Iterator[_Unit]:
    for pattern in (_DATE, _CENTURY, _NUMBER, _INITIALS, _FLAG):
        for match in pattern.finditer(text):
            span = Span(*match.span()).trimmed(text)
            yield _Unit(span, span.end)
    yield from _names(text)


def _names(text: str) -> Iterator[_Unit]:
    for match in _NAME.finditer(text):
        words = [*_NAME_WORD.finditer(text, *match.span())]
        named = [place for place, word in enumerate(words) if not _may_end(word[0])]
        run: list[re.Match[str]] = []
        for place, word in enumerate(words):
            if _stands_apart(words, place, begins=not run, last=named[-1] if named else -1):
                yield from _name(run, text)
                run = []
            else:
                run.append(word)
                if word[0].endswith(("’s", "'s")) and text[word.end() : word.end() + 2].strip() != "&":
                    yield from _name(run, text)
                    run = []
        yield from _name(run, text)


def _may_end(word: str) -> bool:
    return word.casefold() in _RANKS or bool(_SUFFIX.fullmatch(word))


def _stands_apart(words: Sequence[re.Match[str]], place: int, *, begins: bool, last: int) -> bool:
    """Whether a word among capitals is of no name; `last` is the place of the last one that is no rank."""
    word = words[place]
    if any(other[0] == "&" for other in words[max(0, place - 1) : place + 2]):
        return False
    if word[0].casefold() in _RANKS:
        # a rank after a name, before no other, is of it: Stephen King
        return begins or place < last
    if word[0].casefold() not in _NO_NAME:
        return False
    dated = _DATE.match(word.string, word.start())
    return begins or (dated is not None and dated.end() > word.end())


def _name(run: list[re.Match[str]], text: str) -> Iterator[_Unit]:
    if not run or len(run) > _LONGEST_NAME:
        return
    start, end = run[0].start(), run[-1].end()
    yield _Unit(Span(start, end), end)
    if not (joint := _COMPLEMENT.match(text, end)):
        return
    if named := _NAME.match(text, joint.end()) or _DIGITS.match(text, joint.end()):
        yield _Unit(Span(start, named.end()), joint.end())


def _widened(span: Span, units: Sequence[_Unit], pairs: Iterable[Span], text: str) -> Span:
    start, end = span.start, span.end
    # in their order, that of a chain of units all are taken at once
    for unit in units:
        if unit.span.start < end < unit.span.end:
            end = unit.span.end
    for unit in reversed(units):
        if unit.span.start < start < unit.bound_to:
            start = unit.span.start
    for pair in pairs:
        size = len(text[pair.start : pair.end].split())
        inner = Span(pair.start + 1, pair.end - 1).trimmed(text)
        if _crosses(span, pair) and size <= _LONG:
            start, end = min(start, pair.start), max(end, pair.end)
        elif inner.covers(span) and size <= _SHORT and text[pair.start] not in "([":
            start, end = min(start, inner.start), max(end, inner.end)
    return Span(start, end)


def _crosses(span: Span, pair: Span) -> bool:
    return span.overlaps(pair) and not span.covers(pair) and not (pair.start < span.start and span.end < pair.end)


def _without_lone_marks(span: Span, pairs: Sequence[Span], text: str) -> Span:
    """`span` without blanks, and quotation marks and brackets whose partners it lacks, at its ends; never empty."""
    held = [pair for pair in pairs if span.covers(pair)]
    opening, closing = {pair.start for pair in held}, {pair.end for pair in held}
    start, end = span.start, span.end
    while end - start > 1:
        if text[start].isspace() or (text[start] in _QUOTING and start not in opening):
            start += 1
        elif text[end - 1].isspace() or (text[end - 1] in _QUOTING and end not in closing):
            end -= 1
        else:
            break
    return Span(start, end)


def _on_one_side(span: Span, pairs: Iterable[Span], text: str) -> Span:
    """`span` inside or outside each long quotation that it runs into, where it holds more."""
    for pair in pairs:
        if _crosses(span, pair) and len(text[pair.start : pair.end].split()) > _LONG:
            sides = (
                Span(span.start, max(span.start, pair.start)),
                Span(max(span.start, pair.start + 1), max(span.start, pair.start + 1, min(span.end, pair.end - 1))),
                Span(min(span.end, pair.end), span.end),
            )
            side = max((one.trimmed(text) for one in sides), key=len)
            span = side if len(side) else span
    return span


def _to_words(span: Span, text: str) -> Span:
    start, end = span.start, span.end
    while start > 0 and _parts_word(text, start):
        start -= 1
    while end < len(text) and _parts_word(text, end):
        end += 1
    return Span(start, end)


def _parts_word(text: str, place: int) -> bool:
    """Whether the characters before and after `place` are of one word, or of one character as it is seen."""
    left, right = text[place - 1], text[place]
    if _is_mark(right) or "\u200d" in (left, right):
        return True
    if right in _JOINERS:
        return _in_word(left) and place + 1 < len(text) and _in_word(text[place + 1])
    if left in _JOINERS:
        return _in_word(right) and place >= 2 and _in_word(text[place - 2])
    return _in_word(left) and _in_word(right)


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_" or _is_mark(character)


def _is_mark(character: str) -> bool:
    # the last are the skin tones of emoji
    return unicodedata.category(character)[0] == "M" or "\U0001f3fb" <= character <= "\U0001f3ff"
