"""Training and evaluation of students: step, loop, run folder."""
