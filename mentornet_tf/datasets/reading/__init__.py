"""From record sets to batches.

`open` chooses between the two kinds of `dataset`: decoded `in_memory`, or read
by `streaming` and cut to squares by `crops`. `preparation` holds the settings
of both.
"""
