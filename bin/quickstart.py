#!/usr/bin/env python3
"""`mentornet quickstart`, from a checkout."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mentornet_tf.commands.main import run_script

if __name__ == "__main__":
  run_script(__file__)
