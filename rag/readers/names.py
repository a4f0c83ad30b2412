"""The names of the readers, as the setting `reader` gives them."""

READERS = ("similarity", "trained")
TRANSFORMERS = "transformers:"
"""Prefix of a reader that is a user's own model; its name or path follows."""
