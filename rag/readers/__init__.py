"""Readers: a question and the passages found become scored sentences with their answering words."""
