"""Exports of runs on images of any size prepare images as evaluation does."""

import io
import json
import shutil
import subprocess
import sys

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
OF_PIXELS = {"serving_default", "images_uint8", "images_float"}

_TENSORFLOW_ALONE = """
import sys
import numpy as np
import tensorflow as tf

exported, folder = sys.argv[1:]
inputs = dict(np.load(f"{folder}/inputs.npz"))
student = tf.saved_model.load(exported)
encoded = [
  inputs["encoded"][begin:end].tobytes()
  for begin, end in zip(inputs["ends"][:-1], inputs["ends"][1:])
]
arguments = {
  "encoded": {"image_bytes": tf.constant(encoded)},
  "serving_default": {"images": tf.constant(inputs["pixels"])},
  "images_uint8": {"images": tf.constant(inputs["pixels"])},
  "images_float": {"images": tf.constant(inputs["pixels"], tf.float32)},
}
results = {
  f"{name}/{key}": value
  for name, values in arguments.items()
  for key, value in student.signatures[name](**values).items()
}
names = open(student.classes.asset_path.numpy()).read().splitlines()
np.savez(f"{folder}/results.npz", names=names, **results)
assert "mentornet_tf" not in sys.modules
"""


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


@pytest.fixture(scope="module")
def given(trained, tmp_path_factory):
  """Files of many sizes and pixels of one, and the logits of either."""
  _, student = trained
  folder = tmp_path_factory.mktemp("given")
  files = [jpeg(image) for image in images(6)]
  # A PNG, and a JPEG that is decoded at a half.
  files.append(tf.io.encode_png(texture(61, 90)).numpy())
  files.append(jpeg(texture(240, 260)))
  of_files = evaluated(student, files, folder / "files")
  assert np.ptp(of_files, axis=0).min() > 0.1
  same_size = [jpeg(texture(77, 101, seed)) for seed in range(5)]
  pixels = np.stack([tf.io.decode_jpeg(file) for file in same_size])
  of_pixels = evaluated(student, same_size, folder / "same_size")
  assert np.ptp(of_pixels, axis=0).min() > 0.01
  return files, pixels, of_files, of_pixels


def check(results, logits, tolerance) -> None:
  np.testing.assert_allclose(results["logits"], logits, atol=tolerance)
  np.testing.assert_allclose(
    results["probabilities"], tf.nn.softmax(logits), atol=tolerance
  )
  np.testing.assert_array_equal(results["classes"], logits.argmax(1))
  assert results["classes"].dtype == np.int64


def test_a_saved_model_gives_evaluations_values(given, exported):
  """In this process; the slow test below loads it with TensorFlow alone."""
  files, pixels, of_files, of_pixels = given
  serve = served(exported)
  assert set(serve) == {"encoded", *OF_PIXELS}
  check(serve["encoded"](files), of_files, 1e-6)
  for name in OF_PIXELS:
    check(serve[name](pixels), of_pixels, CLOSE)
  names = (exported / "assets" / "classes.txt").read_text().splitlines()
  assert names == [f"class {i}" for i in range(NUM_CLASSES)]


@pytest.mark.slow
def test_tensorflow_alone_serves_the_same_values(given, exported, tmp_path):
  files, pixels, of_files, of_pixels = given
  np.savez(
    tmp_path / "inputs.npz",
    encoded=np.frombuffer(b"".join(files), np.uint8),
    ends=np.cumsum([0, *map(len, files)]),
    pixels=pixels,
  )
  done = subprocess.run(
    [sys.executable, "-c", _TENSORFLOW_ALONE, exported, tmp_path],
    capture_output=True,
    text=True,
    timeout=200,
    cwd=tmp_path,
  )
  assert done.returncode == 0, done.stderr
  stored = np.load(tmp_path / "results.npz")
  assert list(stored["names"]) == [f"class {i}" for i in range(NUM_CLASSES)]
  for name in ("encoded", *OF_PIXELS):
    results = {
      key: stored[f"{name}/{key}"]
      for key in ("logits", "probabilities", "classes")
    }
    if name == "encoded":
      check(results, of_files, 1e-6)
    else:
      check(results, of_pixels, CLOSE)


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
