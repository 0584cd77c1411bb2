"""Programs of benchmarks/ as they run on a machine without TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

_ROOT = Path(__file__).resolve().parents[2]
NUM_IMAGES = 24


def random_split(seed, count=NUM_IMAGES):
  rng = np.random.default_rng(seed)
  images = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
  return images, rng.integers(0, 10, count)


def write_images(path, count=NUM_IMAGES):
  arrays = {}
  for seed, split in enumerate(("train", "test")):
    images, labels = random_split(seed, count)
    arrays |= {f"{split}_images": images, f"{split}_labels": labels}
  np.savez_compressed(path, **arrays)


def program(name, *flags, cwd):
  # Comes before an installed TensorFlow, and is none.
  (cwd / "missing").mkdir(exist_ok=True)
  (cwd / "missing" / "tensorflow.py").write_text("raise ImportError\n")
  environment = os.environ | {
    "CUDA_VISIBLE_DEVICES": "",
    "JAX_PLATFORMS": "cpu",
    "KERAS_BACKEND": "jax",
    "XLA_FLAGS": "--xla_backend_optimization_level=0",
    "PYTHONPATH": os.pathsep.join([str(cwd / "missing"), str(_ROOT)]),
  }
  return subprocess.run(
    [sys.executable, _ROOT / "benchmarks" / name, *flags],
    cwd=cwd,
    env=environment,
    capture_output=True,
    text=True,
    timeout=280,
  )
