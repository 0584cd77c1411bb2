#!/usr/bin/env python3
r"""Writes digits, CIFAR-10 or CIFAR-100 as TFRecords with noisy labels.

Digits come with scikit-learn; CIFAR is read from the official archive given by
--source_dir (binary or Python version, folder or .tar.gz), or else from
TensorFlow Datasets. Noise goes to the training split only; every record keeps
its clean label too. The same flags always write the same bytes.

  data/create_cifar_tf_record.py --output_dir=records/digits --noise=symmetric
  data/create_cifar_tf_record.py --dataset_name=cifar10 \
      --source_dir=cifar-10-batches-bin --noise=symmetric --noise_rate=0.4 \
      --output_dir=records/cifar10_sym40
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module(
    "mentornet_tf.commands.create_cifar_tf_record", run_name="__main__"
  )
