"""Images with noisy labels, from their sources to batches.

In dependency order: `images` (image files), `sources` (small data sets, read
whole), `labels` (noise and label files), `records` (TFRecords), `trees` (large
data sets, listed), `reading` (batches of records), `writing` (records of
sources and trees).
"""
