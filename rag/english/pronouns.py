"""English pronouns of the third person, as alternatives of a regular expression."""

from __future__ import annotations

SUBJECTS = "he|she|it|they"
POSSESSIVES = "his|her|its|their"
PERSONAL = f"{SUBJECTS}|{POSSESSIVES}|him|hers|them|theirs|himself|herself|itself|themselves"
DEMONSTRATIVES = "this|these|such"
"""Without `that` and `those`, which are mostly other things: relative pronouns, conjunctions."""
