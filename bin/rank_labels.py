#!/usr/bin/env python3
r"""Ranks the labels of a data set, most suspect first, by a training run.

  bin/rank_labels.py --train_log_dir=runs/pd --data_dir=records/cifar10_sym40

The run's last checkpoints tell the loss of every example, the weight that its
curriculum gives that loss, and the class they would rather see. The output
folder receives suspect_labels.csv (one row an example), contact_sheet.png (the
most suspect images, given → suggested label), pred_probs.npz (labels and
probabilities, as cleanlab and similar tools take them) and metrics.json. Where
true labels are known, it also tells how well wrong ones are found.

The images are read as the run read its own: where it was trained with
--image_size, they are streamed from the records and never lie in memory.
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module("mentornet_tf.commands.rank_labels", run_name="__main__")
