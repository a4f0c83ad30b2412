"""English dates: months, weekdays, days of a month, years, centuries."""

import re

from rag.english.numbers import ERA, ORDINAL

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
WEEKDAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"

_MONTH = rf"(?:{MONTHS}|(?:Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec)\.?)"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DAYS = rf"{_DAY}(?:\s?[–-]\s?{_DAY})?"
# bounded to a few items, here and below: without a bound, a search scans a long list again from each of its items
_LISTED = rf"{_DAY}(?:,\s{_DAY}){{0,5}},?\s(?:and|or|to)\s{_DAY}"
# after a list of days comes a year or a punctuation mark: "on June 5 and 7 people came" has no list
_LIST_ENDS = r"(?=,?\s\d{4}\b|[,.;:!?)\]”\"](?!\d)|\Z)"
_YEAR = r"(?:,?\s\d{4}\b)?"
DATE = re.compile(
    rf"\b(?:{_LISTED}|{_DAYS})(?:\sof)?\s{_MONTH}(?!\w){_YEAR}|"
    rf"\b{_MONTH}(?!\w)(?:\s{_LISTED}{_LIST_ENDS}|\s{_DAYS}(?!\w)|(?=,?\s\d)){_YEAR}"
)
"""A month with its day, its year or both."""
CENTURY = re.compile(
    rf"\b(?i:{ORDINAL}(?:(?:\s(?:and|or|to)\s|\s?[–-]\s?){ORDINAL}){{0,3}}"
    rf"[\s-](?:century|centuries|millennium|millennia))\b(?:\s{ERA})?"
)
TIME = re.compile(
    rf"(?:\b(?:early|late|mid)[\s-])?"
    rf"(?:{DATE.pattern}|{CENTURY.pattern}|\b(?:{MONTHS})\b|\b\d{{4}}(?:s|[–-]\d{{2,4}})?\b)"
)
"""A time that answers a question with "when": a date, a century, a month alone, a year or years."""
