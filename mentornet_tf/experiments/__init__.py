"""Reproducible comparisons of curricula, from data to table."""
