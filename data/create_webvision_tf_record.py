#!/usr/bin/env python3
r"""Writes WebVision 1.0, or a part of it, as TFRecords.

--source_dir is the folder that holds info/ with the published lists, and the
images. JPEGs go into the records byte for byte; other pictures are turned into
JPEGs; files without a usable image are left out. A report beside the records
names each of both. An interrupted conversion goes on where the same command is
given again, and ends with the same bytes.

  data/create_webvision_tf_record.py --source_dir=webvision --subset=mini \
      --output_dir=records/webvision_mini
  data/create_webvision_tf_record.py --source_dir=webvision --subset=all \
      --resize=320 --output_dir=records/webvision
  data/create_webvision_tf_record.py --verify --subset=mini \
      --output_dir=records/webvision_mini
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module(
    "mentornet_tf.commands.create_webvision_tf_record", run_name="__main__"
  )
