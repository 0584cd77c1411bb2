"""Whole comparisons of curricula that anybody can repeat."""
