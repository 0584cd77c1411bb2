#!/usr/bin/env python3
r"""Exports a student or a mentor for use without this package.

  bin/export_saved_model.py --train_log_dir=runs/pd --output_dir=exports/pd
  bin/export_saved_model.py --mentor=mentornet_pd --output_dir=exports/mentor

A student's SavedModel takes raw images, uint8 or float, or encoded JPEG and PNG
files, and gives classes, probabilities and logits; the images are prepared
inside as evaluation prepares them, those of runs with an image size included
(not with --format=tflite). A mentor's takes features
and gives weights. --train_log_dir is a training folder, the prefix of one of
its checkpoints, or a folder that the original TensorFlow 1 code trained:

  bin/export_saved_model.py --train_log_dir=tf1/model --studentnet=resnet101 \
      --dataset_name=cifar10 --output_dir=exports/tf1
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module(
    "mentornet_tf.commands.export_saved_model", run_name="__main__"
  )
