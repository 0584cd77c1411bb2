"""Noisy-label data sets: sources, label noise, records and pipelines."""
