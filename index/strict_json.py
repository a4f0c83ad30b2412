"""Strict parsing of JSON from outside: every problem raises the same error."""

import json
from typing import Any


class NotStrictJson(ValueError):
    """The text is not strict JSON. The message says why, and where in the text."""


def parse_json(text: str) -> Any:
    """Parses `text`. Raises NotStrictJson if it is not valid JSON.

    Also raises it if a number is too long, the nesting too deep, a string not valid Unicode, or an object has a key
    twice, because nobody can tell which value was meant.
    """
    try:
        value = json.loads(text, object_pairs_hook=_each_once)
    except NotStrictJson:
        raise
    except json.JSONDecodeError as error:
        raise NotStrictJson(f"not JSON ({error.msg}, line {error.lineno}, column {error.colno})") from error
    except (ValueError, RecursionError) as error:
        raise NotStrictJson("not JSON (a number is too long or brackets are nested too deep)") from error
    try:
        # a lone surrogate, such as the escape \ud800, makes a string that can be neither stored nor printed
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = ord(error.object[error.start])
        raise NotStrictJson(f"no text (the escape \\u{half:04x} is half of a surrogate pair)") from error
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise NotStrictJson(f"no JSON to rely on (an object has the key {json.dumps(twice)} twice)")
    return value
