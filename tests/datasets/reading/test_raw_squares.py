import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from large_images import NUM_CLASSES, images, jpeg, texture

from mentornet_tf.datasets.reading import raw_squares
from mentornet_tf.datasets.reading.dataset import named_damage
from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.datasets.reading.streamed_data import StreamedData
from mentornet_tf.datasets.reading.streamed_records import open_streamed
from mentornet_tf.datasets.reading.streaming import (
  streamed_evaluation_batches,
  streamed_training_batches,
)
from mentornet_tf.datasets.records.schema import (
  Example,
  decode_examples,
  encode_example,
  load_in_memory,
)
from mentornet_tf.datasets.records.shards import planned_summary
from mentornet_tf.datasets.records.stored_images import StoredImage
from mentornet_tf.datasets.records.verification import verify_records
from mentornet_tf.datasets.writing.record_set import write_shards
from mentornet_tf.errors import UserError

SIDE = 40
CROP = Crop(size=32, shorter_side=SIDE)
# Most at the crop's shorter side, one smaller and one larger.
SHAPES = [(40, 57), (61, 40), (40, 40), (33, 50), (40, 44), (52, 70)]


def png(pixels):
  return tf.io.encode_png(pixels).numpy()


def raw(pixels):
  return pixels.tobytes()


ENCODERS = {"raw": raw, "png": png, "jpeg": jpeg}


def textures():
  pictures = [texture(*shape, seed=i) for i, shape in enumerate(SHAPES)]
  # Raw pixels that begin as a JPEG file does.
  pictures[0][0, 0] = 0xFF, 0xD8, 0xFF
  return pictures


def write(folder, forms, pictures=None, **changes):
  """A set of one shard per form, which the last picture's record ends.

  Args:
    folder: of the set.
    forms: the format of each shard.
    pictures: all of them are in every shard.
    **changes: other fields for the very last record.
  """
  pictures = textures() if pictures is None else pictures
  examples = []
  for form in forms:
    for picture in pictures:
      number = len(examples)
      data = ENCODERS[form](picture)
      examples.append(
        Example(
          data,
          form,
          number % NUM_CLASSES,
          number,
          *picture.shape[:2],
          path=b"image%d" % number,
        )
      )
  examples[-1] = dataclasses.replace(examples[-1], **changes)
  summary = planned_summary(
    "photos",
    "train",
    len(forms),
    len(examples),
    {
      "num_classes": NUM_CLASSES,
      "store": "raw" if "raw" in forms else None,
      "shorter_side": SIDE,
    },
  )
  write_shards([encode_example(each) for each in examples], folder, summary)
  return folder


def training_batches(records, crop=CROP, count=4):
  batches = streamed_training_batches(records, 5, crop, seed=3)
  return list(batches.take(count).as_numpy_iterator())


def evaluation_batches(records, crop=CROP):
  batches = streamed_evaluation_batches(records, 5, crop)
  return list(batches.as_numpy_iterator())


def batches(folder, crop=CROP):
  """Four of training, and those of evaluation."""
  records = open_streamed(folder, "photos", "train")
  return training_batches(records, crop) + evaluation_batches(records, crop)


@pytest.fixture(scope="module")
def raw_records(tmp_path_factory):
  folder = write(tmp_path_factory.mktemp("raw"), ["raw"])
  return open_streamed(folder, "photos", "train")


@pytest.fixture(scope="module")
def raw_batches(raw_records):
  return training_batches(raw_records) + evaluation_batches(raw_records)


def assert_equal(found, expected):
  assert len(found) == len(expected)
  for one, other in zip(found, expected, strict=True):
    assert one.keys() == other.keys()
    for key in one:
      np.testing.assert_array_equal(one[key], other[key])


def test_batches_are_bit_by_bit_those_of_a_lossless_format(
  raw_batches, tmp_path
):
  assert_equal(raw_batches, batches(write(tmp_path, ["png"])))


@pytest.mark.slow
@pytest.mark.parametrize(
  "crop",
  [Crop(size=24, shorter_side=30), Crop(size=40, shorter_side=50)],
  ids=["reduced", "enlarged"],
)
def test_resized_images_equal_a_lossless_format(raw_records, tmp_path, crop):
  found = training_batches(raw_records, crop)
  found += evaluation_batches(raw_records, crop)
  assert_equal(found, batches(write(tmp_path, ["png"]), crop))


def test_resized_crops_equal_a_lossless_format(raw_records, tmp_path):
  """Training alone has crops that are resized."""
  crop = Crop(size=32, shorter_side=SIDE, train_crop="resized")
  found = training_batches(raw_records, crop)
  lossless = open_streamed(write(tmp_path, ["png"]), "photos", "train")
  assert_equal(found, training_batches(lossless, crop))


def test_what_is_always_resized_is_no_square(raw_records, monkeypatch):
  """It does not wait for the whole batch."""

  def refuse(*_):
    raise AssertionError("a square of an image that is resized")

  monkeypatch.setattr(raw_squares, "training_square", refuse)
  crop = Crop(size=32, shorter_side=SIDE, train_crop="resized")
  streamed_training_batches(raw_records, 5, crop, seed=3)
  with pytest.raises(AssertionError, match="a square of an image"):
    streamed_training_batches(raw_records, 5, CROP, seed=3)


def test_squares_are_parts_of_the_pixels(raw_batches):
  """The center of an image that needs no resizing, computed by NumPy."""
  *_, first, last = raw_batches
  for number, picture in enumerate(textures()):
    if min(picture.shape[:2]) == SIDE:
      top, left = ((side - 32) // 2 for side in picture.shape[:2])
      cut = picture[top : top + 32, left : left + 32].astype(np.float32)
      found = [*first["image"], *last["image"]][number]
      np.testing.assert_array_equal(found, cut * np.float32(1 / 127.5) - 1)


def test_every_grey_level_is_scaled_as_elsewhere():
  levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
  pixels = np.repeat(levels, 3, axis=-1)
  image = StoredImage(np.array([b""]), np.array([True]), np.array([[16, 16]]))
  squares = raw_squares.Square(pixels, tf.constant([True]), image)
  scaled = raw_squares.whole_squares(squares, np.array([0]), lambda *_: None)
  expected = tf.cast(pixels, tf.float32) * (1 / 127.5) - 1
  np.testing.assert_array_equal(scaled, expected)


def test_mixed_sets(tmp_path):
  """Some shards hold raw pixels, others JPEGs."""
  mixed = batches(write(tmp_path / "mixed", ["raw", "jpeg"]))
  assert_equal(mixed, batches(write(tmp_path / "png", ["png", "jpeg"])))
  for picture in textures():
    assert (tf.io.decode_jpeg(jpeg(picture)) != picture).numpy().any()


def test_a_summary_need_not_tell_of_raw_pixels(raw_records, raw_batches):
  untold = dataclasses.replace(raw_records, summary={})
  assert raw_records.is_raw and not untold.is_raw
  assert_equal(training_batches(untold), raw_batches[:4])


def test_pictures_to_be_looked_at(raw_records):
  shown = StreamedData(raw_records, CROP).pixels(np.array([2, 0]))
  np.testing.assert_array_equal(shown[0], textures()[2][4:36, 4:36])
  np.testing.assert_array_equal(shown[1], textures()[0][4:36, 12:44])


def test_sets_of_one_size_fit_in_memory(tmp_path):
  pictures = images(1) * 3
  folder = write(tmp_path, ["raw", "png"], pictures)
  loaded = load_in_memory(folder, "photos", "train")
  np.testing.assert_array_equal(loaded.images, np.stack(pictures * 2))
  record = encode_example(
    Example(raw(pictures[0]), "raw", 1, 7, *pictures[0].shape[:2])
  )
  decoded = decode_examples(tf.constant(record), tf.constant(0, tf.int64))
  np.testing.assert_array_equal(decoded["image"], pictures[0])


DAMAGES = [
  (
    {"image_bytes": b"\0" * 99},
    "expected 10920 bytes of 52x70 raw pixels, got 99;",
  ),
  (
    {"height": 0},
    "expected a height and a width between 1 and 65535 with raw pixels, got 0 "
    "and 70;",
  ),
  pytest.param(
    {"height": 0, "width": 0, "image_bytes": b""},
    "got 0 and 0;",
    marks=pytest.mark.slow,
  ),
  # A reshape would take it for "whatever is left".
  ({"height": -1}, "got -1 and 70;"),
  ({"height": 52 + 2**32}, "got 4294967348 and 70;"),
  pytest.param(
    {"height": 70},
    "expected 14700 bytes of 70x70 raw pixels, got 10920;",
    marks=pytest.mark.slow,
  ),
]


@pytest.mark.parametrize(("changes", "problem"), DAMAGES)
def test_a_damaged_record_is_named(tmp_path, changes, problem):
  folder = write(tmp_path, ["raw"], **changes)
  data = open_data(folder, "photos", "train", CROP)
  place = r"photos_train-00000-of-00001: record 5 \(image5\): "
  with (
    pytest.raises(UserError, match=place) as caught,
    named_damage(lambda: data.training_damage(0, 6, 3)),
  ):
    list(data.training_batches(6, seed=3, start_step=0).take(1))
  assert problem in str(caught.value) and "\n" not in str(caught.value)
  found = verify_records(folder, "photos", "train")
  assert [problem in line for line in found.problems] == [True]


def test_damaged_records_are_passed_over(tmp_path, capsys):
  folder = write(tmp_path, ["raw"], image_bytes=b"\0" * 99)
  data = open_data(folder, "photos", "train", CROP, max_damaged=1)
  assert "record 5 (image5)" in capsys.readouterr().out
  assert len(data) == 5
  (batch,) = data.evaluation_batches(5)
  np.testing.assert_array_equal(batch["id"], range(5))


def test_what_was_shrunk_is_not_enlarged(tmp_path):
  folder = write(tmp_path, ["raw"])
  with pytest.raises(
    UserError,
    match=r"^shorter_side: expected at most 40 pixels, the size at which "
    r"photos_train holds raw pixels, got 50; ",
  ):
    open_data(folder, "photos", "train", Crop(size=40, shorter_side=50))
  assert open_data(folder, "photos", "train", Crop(size=24, shorter_side=30))
