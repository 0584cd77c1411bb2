#!/usr/bin/env python3
r"""Makes examples for a mentor to learn from.

From a predefined curriculum, sampled on a grid of losses, loss differences and
epochs:

  bin/generate_mentor_data.py --vstar_fn=spcl_linear \
      --outdir=records/spcl_linear

Or from the losses of a student whose clean labels are known, as
bin/eval_student.py --output_csv_file writes them; this makes one folder a loss
percentile:

  bin/generate_mentor_data.py --vstar_fn=data_driven \
      --input_csv_filename=losses.csv --outdir=records

bin/train_mentor.py --data_path takes each folder. A curriculum of your own is a
function v*(features) from [N, 4] features (loss, loss difference, label, epoch)
to [N] weights: --vstar_fn=your_package.your_module:your_function.
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module(
    "mentornet_tf.commands.generate_mentor_data", run_name="__main__"
  )
