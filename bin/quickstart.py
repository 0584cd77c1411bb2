#!/usr/bin/env python3
"""Trains a baseline and a MentorNet on digits with wrong labels, side by side.

Writes a table, the learning curves and a picture of weight against loss. It is
what bin/quickstart runs once the environment stands.
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
  runpy.run_module("mentornet_tf.commands.quickstart", run_name="__main__")
