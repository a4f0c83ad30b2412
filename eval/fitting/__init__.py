"""Fits the calibration of confidence and the follow-up model."""
