"""Exports of runs whose images a conversion resized resize originals alike."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
import tiny
from large_images import jpeg, texture
from PIL import Image
from served_students import interpreted, served

import mentornet_tf as mn
from mentornet_tf.datasets.images.decoding import square_image, usable_image
from mentornet_tf.datasets.reading.in_memory import evaluation_batches
from mentornet_tf.datasets.records.schema import load_in_memory
from mentornet_tf.datasets.trees.folders import find_image_folders
from mentornet_tf.datasets.trees.splits import split_own_images
from mentornet_tf.datasets.writing.conversion import ConversionRequest, convert
from mentornet_tf.export.preparation import RecordResizing
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training import train

COLOURS = {"blue": 2, "green": 1, "red": 0}


def framed(colour: str, seed: int) -> bytes:
  """A picture whose class shows in its frame alone, of a size of its own."""
  height, width = np.random.default_rng(seed).integers(90, 130, 2)
  image = texture(height, width, seed) // 2
  frame = np.ones((height, width), bool)
  frame[25:-25, 25:-25] = False
  image[frame, COLOURS[colour]] = 250
  return jpeg(image)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """Records of squares, the originals' bytes and a run on the records."""
  folder = tmp_path_factory.mktemp("resized")
  for number in range(60):
    colour = sorted(COLOURS)[number % 3]
    (folder / "images" / colour).mkdir(parents=True, exist_ok=True)
    path = folder / "images" / colour / f"{number:02d}.jpg"
    path.write_bytes(framed(colour, number))
  (listed,) = split_own_images(
    find_image_folders(folder / "images"), "frames"
  ).values()
  convert(
    ConversionRequest(
      folder / "records", "frames", "train", listed, square_side=32
    )
  )
  dataset = load_in_memory(folder / "records", "frames", "train")
  settings = TrainingSettings.of(
    dataset_name="frames",
    studentnet=tiny.STUDENT,
    batch_size=20,
    max_number_of_steps=40,
    learning_rate=0.05,
    augment=False,
  )
  model = train.train_and_evaluate(settings, folder / "run", dataset).model
  paths = sorted((folder / "images").glob("*/*.jpg"))
  files = [paths[i].read_bytes() for i in dataset.ids]
  return folder / "run", model.student, dataset, files


def test_originals_are_classified_as_evaluation_does(trained, tmp_path):
  run, student, dataset, files = trained
  (batch,) = evaluation_batches(dataset, 60)
  logits = student(batch["image"]).numpy()
  accuracy = (logits.argmax(1) == dataset.labels).mean()
  assert accuracy > 0.95
  mn.export_student(run, tmp_path / "out")
  serve = served(tmp_path / "out")
  got = serve["encoded"](files)
  np.testing.assert_array_equal(got["classes"], logits.argmax(1))
  # JPEG decoders and filters differ by a grey level in the mean, 7 at most.
  assert np.ptp(logits, axis=0).min() > 10
  np.testing.assert_allclose(got["logits"], logits, atol=0.15)
  # Images of the records' size are served as they are.
  for name in ("images_uint8", "images_float"):
    np.testing.assert_allclose(
      serve[name](dataset.images)["logits"], logits, atol=1e-5
    )
  one = tf.io.decode_jpeg(files[0])[tf.newaxis].numpy()
  np.testing.assert_allclose(
    serve["images_uint8"](one)["logits"], got["logits"][:1], atol=1e-5
  )


def test_tflite_takes_images_of_the_records_size(trained, tmp_path):
  run, student, dataset, files = trained
  mn.export_student(run, tmp_path / "out", file_format="tflite")
  (batch,) = evaluation_batches(dataset, 60)
  np.testing.assert_allclose(
    interpreted(tmp_path / "out", dataset.images)["logits"],
    student(batch["image"]),
    atol=1e-4,
  )
  original = tf.io.decode_jpeg(files[0])[tf.newaxis].numpy()
  with pytest.raises((ValueError, RuntimeError)):
    interpreted(tmp_path / "out", original)


def test_a_run_of_a_version_that_did_not_note_it_goes_on(trained, tmp_path):
  """It is continued, and its export says what it does not know."""
  run, _, dataset, _ = trained
  content = json.loads((run / "run.json").read_text())
  assert content["data"].pop("square_side") == 32
  assert content["data"].pop("shorter_side") is None
  older = tmp_path / "run"
  older.mkdir()
  (older / "run.json").write_text(json.dumps(content))
  settings = TrainingSettings.of(**content["settings"])
  train.train_and_evaluate(settings, older, dataset)
  warnings: list[str] = []
  mn.export_student(older, tmp_path / "older", warn=warnings.append)
  mn.export_student(run, tmp_path / "newer", warn=warnings.append)
  (warning,) = warnings
  assert "does not say whether its images were resized" in warning


@pytest.mark.parametrize("size", [(40, 50), (80, 61), (140, 200), (300, 260)])
def test_resizing_is_that_of_the_conversion(size):
  png = tf.io.encode_png(texture(*size)).numpy()
  square = decoded(square_image(png, 32).data)
  got = RecordResizing(square_side=32).of_pixels(texture(*size)[np.newaxis])[0]
  difference = np.abs(got - square)
  # Pillow rounds between rows and columns.
  assert difference.max() < 3 and difference.mean() < 0.4
  # Smooth, as its record is a JPEG.
  smooth = np.asarray(Image.fromarray(texture(8, 9)).resize(size[::-1]))
  png = tf.io.encode_png(smooth).numpy()
  reduced = decoded(usable_image(png, shorter_side=32).data)
  got = RecordResizing(shorter_side=32).of_pixels(smooth[np.newaxis])[0]
  assert got.shape == reduced.shape
  assert np.abs(got - reduced).mean() < 2


@pytest.mark.parametrize(
  "resizing", [RecordResizing(square_side=32), RecordResizing(None, 40)]
)
def test_images_of_the_size_stay_as_they_are(resizing):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
  np.testing.assert_array_equal(resizing.of_pixels(images), images)


def decoded(data: bytes) -> np.ndarray:
  """Pixels of an image file, float64."""
  return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float64)
