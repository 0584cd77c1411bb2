#!/usr/bin/env python3
r"""Learns a mentor from the examples of bin/generate_mentor_data.py.

  bin/train_mentor.py --data_path=records/spcl_linear \
      --train_dir=mentors/spcl_linear

The folder receives mentor.keras, which bin/train_student.py takes as
--trained_mentornet_dir, training.json with settings and errors, and the state
from which the same command continues when it was stopped.

The default recipe reaches every predefined curriculum in seconds: 3000 steps of
256 examples, a rate of 0.1 that rises for 100 steps and then falls along half a
cosine, cross-entropy, no clipping, and an epoch table that learns, too.

--recipe=original is the original code's, which collapses on some seeds. It sets
the flags --mini_batch_size=32 --max_step_train=30000 --learning_rate=0.1 (each
of them given beside it goes first) and also, without a flag of its own: the
rate falls by 0.9 every 1000 steps without a rise; gradients are clipped to a
global norm of 5; the loss is the squared error unless the targets are exactly 0
and 1; the epoch table stays as it was drawn; the steps are compiled by XLA.
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module("mentornet_tf.commands.train_mentor", run_name="__main__")
