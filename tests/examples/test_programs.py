"""The programs in examples/, as they are."""

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from program_outputs import number_after, run_example
from scripts import run_script

from mentornet_tf.datasets.sources.digits import load_digits

_OWN_IMAGES = Path(__file__).resolve().parents[2] / "examples" / "own_images.py"


@pytest.mark.slow  # its parts are in tests/export/test_export_own_images.py
def test_own_images(tmp_path):
  digits = load_digits("train")
  chosen = np.flatnonzero(digits.labels < 3)[:240]
  misplaced = chosen[:12]
  for i in chosen:
    label = (digits.labels[i] + (i in misplaced)) % 3
    folder = tmp_path / "images" / f"digit{label}"
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(digits.images[i]).save(folder / f"{i}.png")
  text = run_example("own_images.py", tmp_path, tmp_path / "images")
  assert "belonging to 3 classes" in text and "Epoch 20/20" in text
  assert number_after(text, "test accuracy") > 0.8
  suspected = {int(i) for i in re.findall(r"/(\d+)\.png: digit\d\?", text)}
  assert len(suspected) == 10
  assert len(suspected & set(misplaced.tolist())) >= 7
  table = (tmp_path / "suspects" / "suspect_labels.csv").read_text()
  assert table.count(".png") == 192
  classify = tf.saved_model.load(str(tmp_path / "classifier"))
  predicted = classify.signatures["images_uint8"](
    tf.constant(digits.images[chosen])
  )["classes"]
  assert (predicted.numpy() == digits.labels[chosen]).mean() > 0.9


def test_own_images_need_a_folder(tmp_path):
  done = run_script(_OWN_IMAGES, cwd=tmp_path)
  assert done.returncode == 1 and done.stdout == ""
  last = done.stderr.splitlines()[-1]
  assert last.startswith("error: FOLDER: expected") and "got none" in last
  assert "Traceback" not in done.stderr


def test_own_curriculum(tmp_path):
  text = run_example("own_curriculum.py", tmp_path)
  assert number_after(text, "on held-out points:") < 0.01
  # Losses at 0.5 and 1 lie below the percentile, 2 and 3 above it.
  rows = re.findall(r"weights ([\d. ]+)", text)
  weights = np.array([row.split() for row in rows], float)
  expected = [[1, 1, 0.5, 0], [1, 1, 1 / 3, 0], [1, 1, 0.01, 0]]
  np.testing.assert_allclose(weights, expected, atol=0.15)
  assert (tmp_path / "falling_trust.keras").exists()


@pytest.mark.slow  # docs/joint_training.md has its steps in a quicker test
def test_joint_training(tmp_path):
  text = run_example("joint_training.py", tmp_path)
  assert text.count(": mentor updated, loss ") == 4
  # Over five seeds 0.94 to 1.00 and 0.95 to 0.98; without a mentor's weights
  # the first is 0.5.
  assert number_after(text, "label-noise detection AUROC") > 0.85
  assert number_after(text, "test accuracy") > 0.9
