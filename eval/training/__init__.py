"""Trains the reader: examples from question sets, the training loop, checkpoints."""
