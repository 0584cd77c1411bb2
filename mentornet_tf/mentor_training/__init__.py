"""Training a mentor: its examples, its steps and its pictures."""
