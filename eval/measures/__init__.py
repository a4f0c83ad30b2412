"""Evaluation measures: hit rates, F1, AUROC, calibration error, latency; their bootstrap intervals and paired tests."""
