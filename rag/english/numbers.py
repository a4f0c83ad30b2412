"""English numbers, in digits and in words, with sign, currency and unit; ordinals; quantities of something."""

import re

ONES = "one|two|three|four|five|six|seven|eight|nine"
TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
SCALES = "hundred|thousand|million|billion|trillion|dozen|lakh|crore"
PERIODS = (
    "(?:second|minute|moment|hour|day|week|month|year|decade|morning|afternoon|evening|night|season)s?|century|"
    "centuries|spring|summer|autumn|winter"
)

_SMALL = rf"(?:(?:{TENS})\b(?:[\s-](?:{ONES})\b(?!-))?|(?:{TEENS}|{ONES})\b)"
_SCALE = rf"(?:{SCALES})\b"
# small numbers in a row are separate unless one is multiplied; `two million and three million` are two numbers
_IN_WORDS = (
    rf"\b(?i:(?:{_SMALL}[\s-])?{_SCALE}(?:[\s-]{_SCALE}|[\s-]{_SMALL}(?!-)|"
    rf"(?<=hundred)\sand\s{_SMALL}(?!-|\shundred\b)|\sand\s{_SMALL}(?!-|\s{_SCALE}))*|{_SMALL})"
)
ORDINAL = (
    rf"(?:\d+(?:st|nd|rd|th)|(?:(?:{TENS})-)?(?:first|second|third|(?:four|fif|six|seven|eigh|nin)th)|"
    r"(?:ten|eleven|twelf|(?:thir|four|fif|six|seven|eigh|nine)teen|twentie)th)"
)

_CURRENCY = r"[$£¢¥฿\u20a0-\u20cf]"
# a hyphen between two words or numbers is not a minus sign
_SIGN = r"(?:(?<![^\s(\[“‘\"'«„])[+±−-])"
_IN_THREES = r"(?<!\w)(?<!\w[.,:/’'–-])\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3}(?!\d))+"
_FRACTION = r"[¼-¾⅐-⅞]"
ERA = r"(?:BCE?|AD|CE)\b"
_UNIT = (
    rf"(?:\s?(?:[%‰٪]|°[CF]?|{_CURRENCY}(?!\s?\d))|\s(?:{_SCALE}|[bmt]n\b|per\scent\b|percent\b|"
    rf"[kcm]?m[²³23]?\b|[km]?g\b|[kMG]?Hz\b|[kKMGT]B\b|km/h\b|mph\b|(?:[ap]\.?m|[AP]\.?M)\b\.?(?!\w)|{ERA}))"
)
NUMBER = re.compile(
    rf"(?:{_SIGN}?(?:(?:\b(?:[A-Z]{{1,3}}|(?:US|HK)\s))?{_CURRENCY}\s?)?"
    # the T and the + are for 2021-03-04T12:00+01:00; a year is not the whole part of a mixed number
    rf"(?:{_IN_THREES}|\d+)(?:[.,:/’'٫٬–-]\d+|T\d+|\+\d\d:\d\d)*\w*(?:(?<!\w\w\w)\s?{_FRACTION})?|"
    rf"{_FRACTION}|{_IN_WORDS}){_UNIT}*"
)
QUANTITY = re.compile(
    rf"(?:(?<!\w){NUMBER.pattern}|\b(?i:half|(?:{SCALES})s)\b)"
    rf"(?:\s(?:{PERIODS}|miles|metres|meters|feet|tons?|tonnes|people|dollars|euros)\b)*"
)
"""A number with what it counts, if that is a period or a common measure."""
