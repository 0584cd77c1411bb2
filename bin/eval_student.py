#!/usr/bin/env python3
"""Evaluates the checkpoints of a training folder.

Watches the folder, evaluates each new checkpoint on a split and ends when the
training has finished; with --once it evaluates the newest checkpoint and ends:

  bin/eval_student.py --data_dir=records/cifar10 --checkpoint_dir=runs/pd --once

The evaluation folder receives eval.csv and TensorBoard events. With
--output_csv_file the losses of every training image are written instead, one
"id epoch noisy_label clean_label loss" a row, for learning a mentor from them.
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module("mentornet_tf.commands.eval_student", run_name="__main__")
