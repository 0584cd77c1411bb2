"""Learning a mentor: its examples, its training and its pictures."""
