#!/usr/bin/env python3
r"""Draws a mentor: the weight it gives over loss and loss difference, by epoch.

  bin/plot_mentor.py --model_dir=mentors/spcl_linear
  bin/plot_mentor.py --model_dir=mentornet_pd --outdir=pictures

writes weights.png, heat maps of the learned weights beside the target weights
and the difference. --style=scatter writes the original's pictures instead: one
of points in space for each epoch, and all of them as an animated GIF.
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module("mentornet_tf.commands.plot_mentor", run_name="__main__")
