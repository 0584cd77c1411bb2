#!/usr/bin/env python3
r"""Writes your own images as TFRecords.

--source_dir is a folder with a folder for each class, or with train and test
(or val) of such; or --csv is a table with the columns path and label, and if
you like clean_label and split. JPEGs go into the records byte for byte, other
pictures are turned into JPEGs; --image_size makes small squares instead. Files
without a usable image are left out, and a report beside the records names them.
An interrupted conversion goes on where the same command is given again.

  data/create_image_folder_tf_record.py --source_dir=birds --test_fraction=0.2 \
      --output_dir=records/birds
  data/create_image_folder_tf_record.py --source_dir=birds --test_fraction=0.2 \
      --image_size=32 --noise=symmetric --output_dir=records/birds_sym40
  data/create_image_folder_tf_record.py --csv=birds.csv --source_dir=birds \
      --resize=320 --output_dir=records/birds
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module(
    "mentornet_tf.commands.create_image_folder_tf_record", run_name="__main__"
  )
