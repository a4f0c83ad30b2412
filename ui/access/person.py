"""Person: the user behind a request, with their groups, scopes and network address."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ALL_SCOPES = frozenset({"ask", "read", "feedback", "metrics"})
"""ask questions; read documents and verify receipts; give feedback; read the metrics."""
PERSON_SCOPES = ALL_SCOPES - {"metrics"}
"""The scopes of someone whom a proxy or the site around the widget signed in."""
PAGE_SCOPES = frozenset({"ask", "read"})
"""The scopes that the page needs."""
LONGEST_NAME = 256

_NOT_IN_NAMES = re.compile("[,\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Commas separate names in headers; control characters and line breaks forge log lines; lone surrogates cannot be
encoded."""


@dataclass(frozen=True, slots=True)
class Person:
    user: str | None
    """None if the server does not ask who is asking (access none)."""
    groups: frozenset[str]
    scopes: frozenset[str]
    address: str = ""
    """The address that the request came from; rate limits count by it if the user is not known."""


EVERYONE = Person(None, frozenset(), frozenset())
"""Someone unknown: may read documents without groups, and has no scope."""


def is_name(text: str) -> bool:
    """Whether `text` can be the name of a person or a group. Proxies, keys and tokens follow the same rule."""
    return 0 < len(text) <= LONGEST_NAME and text == text.strip() and not _NOT_IN_NAMES.search(text)


def missing_for_page(person: Person) -> str:
    """The scopes that the page needs and `person` lacks, in words; empty if there are none."""
    return " and ".join(sorted(PAGE_SCOPES - person.scopes))


def person_of(scope: Mapping[str, Any]) -> Person:
    """The person behind a request, as `ui.access.require_person` left it in the request's state."""
    person = scope["state"]["person"]
    assert isinstance(person, Person)
    return person
