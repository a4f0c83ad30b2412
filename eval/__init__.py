"""Evaluation, floor 3 of 3: measures the answers, fits the calibration, trains the reader."""
