#!/usr/bin/env python3
r"""Writes a report of one training run or several as a single HTML file.

  bin/report.py runs/baseline runs/pd --output=report.html

It shows settings (what differs first), a table, learning curves, how well the
weights find true labels, how the weights were spread, and the suspect labels of
each run that bin/rank_labels.py has ranked. Pictures are inside the file.
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module("mentornet_tf.commands.report", run_name="__main__")
