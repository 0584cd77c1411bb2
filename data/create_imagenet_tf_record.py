#!/usr/bin/env python3
r"""Writes ImageNet's validation images with WebVision's labels as TFRecords.

--images is the archive ILSVRC2012_img_val.tar, which is read in place, the
folder of its images, or a folder with a folder for each synset. The first two
need --ground_truth: the folder of the devkit, or a list of WordNet ids.
--tfds_data_dir takes the images from TensorFlow Datasets instead. Images and
labels are joined by WordNet id through WebVision's info/synsets.txt. JPEGs go
into the records byte for byte. An interrupted conversion goes on where the same
command is given again, and ends with the same bytes.

  data/create_imagenet_tf_record.py --images=ILSVRC2012_img_val.tar \
      --ground_truth=ILSVRC2012_devkit_t12 --webvision_dir=webvision \
      --subset=mini --output_dir=records/webvision_mini
  data/create_imagenet_tf_record.py --images=imagenet/val \
      --synsets=webvision/info/synsets.txt --subset=all --resize=320 \
      --output_dir=records/webvision
  data/create_imagenet_tf_record.py --verify --subset=mini \
      --output_dir=records/webvision_mini
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module(
    "mentornet_tf.commands.create_imagenet_tf_record", run_name="__main__"
  )
