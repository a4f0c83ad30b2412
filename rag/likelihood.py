"""Likelihood in words: "Likely" for a probability of 0.82."""

_WORDS = ((0.9, "Very likely"), (0.65, "Likely"), (0.4, "Possibly"), (0.0, "Uncertain"))
"""(least probability, words), the likeliest first."""


def in_words(probability: float) -> str:
    """A probability, 0 to 1, in words and in percent: "Likely (82%)"."""
    words = next(words for least, words in _WORDS if probability >= least)
    percent = round(probability * 100)
    # An estimated probability is never certain.
    return f"{words} ({'over 99' if percent > 99 else 'under 1' if percent < 1 else percent}%)"
