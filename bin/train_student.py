#!/usr/bin/env python3
r"""Trains a student network on images with noisy labels.

Without --curriculum and --trained_mentornet_dir it trains the baseline. A
mentor, learned or given as a formula, weighs every example by its loss:

  bin/train_student.py --data_dir=records/cifar10 --studentnet=inception \
      --train_log_dir=runs/pd --trained_mentornet_dir=mentornet_pd

The training folder receives checkpoints, run.json, metrics.csv and TensorBoard
events. The same command started again continues from the last checkpoint.
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module("mentornet_tf.commands.train_student", run_name="__main__")
