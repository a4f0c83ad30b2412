"""Readers: score the sentences of the passages found, and mark the words that answer the question."""
