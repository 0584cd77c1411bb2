#!/usr/bin/env python3
r"""Compares the curricula in small and prints a table.

  bin/reproduce.py --source_dir=cifar-10-batches-bin --output_dir=runs/small

Ten thousand CIFAR-10 images, 40 % of which get a random label; CifarNet, 3,000
steps, three seeds for every curriculum. That is about a quarter of an hour a
run on a processor core. Ctrl-C saves and ends; the same command goes on from
there, and a run that is finished is not repeated.
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module("mentornet_tf.commands.reproduce", run_name="__main__")
