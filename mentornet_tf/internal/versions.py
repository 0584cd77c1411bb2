"""Versions of the software that shapes the numbers of a run."""

import platform

import keras
import numpy as np
import tensorflow as tf

import mentornet_tf


def versions() -> dict[str, str]:
  """The versions of Python, the libraries and this package, by name."""
  return {
    "python": platform.python_version(),
    "tensorflow": tf.__version__,
    "keras": keras.__version__,
    "numpy": np.__version__,
    "mentornet_tf": mentornet_tf.__version__,
  }
