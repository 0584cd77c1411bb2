"""Exports of runs on images of any size prepare images as evaluation does."""

import io
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from large_images import (
  NUM_CLASSES,
  STUDENT,
  images,
  jpeg,
  texture,
  write_records,
)
from rich.console import Console
from served_students import served

import mentornet_tf as mn
from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.errors import UserError
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training import train

SETTINGS = TrainingSettings.of(
  dataset_name="webvision_mini",
  studentnet=STUDENT,
  curriculum="none",
  batch_size=10,
  max_number_of_steps=3,
  learning_rate=0.02,
  image_size=48,
  resize_shorter_side=52,
)
# Evaluation's images to 0.002 of 255 grey levels, seen through the student's
# one layer of weights.
CLOSE = 5e-6


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """A training folder and the student trained there."""
  folder = tmp_path_factory.mktemp("large")
  write_records(folder / "records", count=20)
  model = train.train_and_evaluate(
    SETTINGS,
    folder / "run",
    open_data(
      folder / "records", "webvision_mini", "train", SETTINGS.images.crop
    ),
    console=Console(file=io.StringIO()),
  ).model
  return folder / "run", model.student


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
  """The SavedModel of that run."""
  folder = tmp_path_factory.mktemp("exported") / "student"
  mn.export_student(trained[0], folder)
  return folder


def evaluated(student, encoded, folder) -> np.ndarray:
  """Logits [N, K] as evaluation computes them for image files."""
  write_records(folder, split="val", encoded=encoded, num_shards=1)
  data = open_data(folder, "webvision_mini", "val", SETTINGS.images.crop)
  return np.concatenate(
    [student(batch["image"]) for batch in data.evaluation_batches(4)]
  )


def check(results, logits, tolerance) -> None:
  np.testing.assert_allclose(results["logits"], logits, atol=tolerance)
  np.testing.assert_allclose(
    results["probabilities"], tf.nn.softmax(logits), atol=tolerance
  )
  np.testing.assert_array_equal(results["classes"], logits.argmax(1))
  assert results["classes"].dtype == np.int64


def test_a_saved_model_gives_evaluations_values(trained, exported, tmp_path):
  """That TensorFlow alone serves it is tested in `test_export`."""
  _, student = trained
  # Of many sizes; the last two are a PNG and a JPEG that is decoded at a half.
  files = [jpeg(image) for image in images(6)]
  files.append(tf.io.encode_png(texture(61, 90)).numpy())
  files.append(jpeg(texture(240, 260)))
  same_size = [jpeg(texture(77, 101, seed)) for seed in range(5)]
  pixels = np.stack([tf.io.decode_jpeg(file) for file in same_size])
  serve = served(exported)
  of_pixels = {"serving_default", "images_uint8", "images_float"}
  assert set(serve) == {"encoded", *of_pixels}
  logits = evaluated(student, files, tmp_path / "files")
  assert np.ptp(logits, axis=0).min() > 0.1
  check(serve["encoded"](files), logits, 1e-6)
  logits = evaluated(student, same_size, tmp_path / "same_size")
  assert np.ptp(logits, axis=0).min() > 0.01
  for name in of_pixels:
    check(serve[name](pixels), logits, CLOSE)
  names = (exported / "assets" / "classes.txt").read_text().splitlines()
  assert names == [f"class {i}" for i in range(NUM_CLASSES)]


def test_the_shorter_side_is_the_runs(trained, exported, tmp_path):
  """52 of run.json, not the 51 that follow from the image size."""
  run, student = trained
  file = jpeg(texture(77, 101))
  got = served(exported)["encoded"]([file])["logits"]
  np.testing.assert_allclose(
    got, evaluated(student, [file], tmp_path / "val"), atol=1e-6
  )
  settings = json.loads((run / "run.json").read_text())["settings"]
  other = SETTINGS.changed(resize_shorter_side=None)
  assert settings["resize_shorter_side"] == 52
  data = open_data(tmp_path / "val", "webvision_mini", "val", other.images.crop)
  (batch,) = data.evaluation_batches(1)
  assert np.abs(got - student(batch["image"])).max() > 1e-3


def test_what_cannot_be_exported_is_one_line(trained, tmp_path):
  run, _ = trained
  with pytest.raises(UserError, match="for TFLite, got one with image_size 48"):
    mn.export_student(run, tmp_path / "out", file_format="tflite")
  broken = shutil.copytree(run, tmp_path / "broken")
  content = json.loads((broken / "run.json").read_text())
  content["settings"]["resize_shorter_side"] = 40
  (broken / "run.json").write_text(json.dumps(content))
  with pytest.raises(
    UserError, match=r"image_size, resize_shorter_side: .*got 40 for 48"
  ):
    mn.export_student(broken, tmp_path / "out")
  assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_bytes_that_are_no_image_are_refused_by_the_graph(exported):
  encoded = served(exported)["encoded"]
  whole = jpeg(texture(77, 101))
  for file in (b"", b"no image", whole[:40]):
    with pytest.raises(tf.errors.InvalidArgumentError):
      encoded([whole, file])
