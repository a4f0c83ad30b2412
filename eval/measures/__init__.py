"""Measures: one value a question and measure, means and intervals."""
