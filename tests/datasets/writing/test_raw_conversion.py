import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from conversions import NAME, contents, request
from PIL import Image

from mentornet_tf.commands import conversion_flags
from mentornet_tf.datasets.images.decoding import encode_jpeg, usable_image
from mentornet_tf.datasets.images.raw_images import raw_bytes
from mentornet_tf.datasets.records.schema import read_tfrecords
from mentornet_tf.datasets.records.shards import existing_shards
from mentornet_tf.datasets.records.verification import verify_records
from mentornet_tf.datasets.writing import plan, shard
from mentornet_tf.datasets.writing.conversion import convert, remaining_images
from mentornet_tf.datasets.writing.raw_space import check_free_space, raw_space
from mentornet_tf.errors import UserError

# Of the tree's images some are larger and some smaller.
SIDE = 52


@pytest.fixture(scope="module")
def raw(listed, tmp_path_factory):
  folder = tmp_path_factory.mktemp("raw")
  return convert(request(folder, listed, store="raw", shorter_side=SIDE))


def features(converted):
  for record in tf.data.TFRecordDataset([str(s) for s in converted.shards]):
    yield tf.train.Example.FromString(record.numpy()).features.feature


def path_of(feature):
  return feature["image/path"].bytes_list.value[0].decode()


def test_pixels_are_those_before_encoding(tree, listed, raw, tmp_path):
  """Of a JPEG that is not shrunk they are those that training decodes."""
  encoded = convert(request(tmp_path, listed, shorter_side=SIDE))
  files = {path_of(each): each for each in features(encoded)}
  shapes = []
  for each in features(raw):
    assert each["image/format"].bytes_list.value[0] == b"raw"
    height, width = (
      each[f"image/{side}"].int64_list.value[0] for side in ("height", "width")
    )
    shapes.append((height, width))
    data = each["image/encoded"].bytes_list.value[0]
    pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
    path = path_of(each)
    (as_jpeg,) = files[path]["image/encoded"].bytes_list.value
    original = (tree.root / path).read_bytes()
    if as_jpeg == original:
      expected = tf.io.decode_image(original, channels=3).numpy()
      np.testing.assert_array_equal(pixels, expected)
    else:
      kept = usable_image(original, shorter_side=SIDE, raw=True)
      assert kept.data == data
      assert encode_jpeg(Image.fromarray(pixels)) == as_jpeg
    for key in ("image/id", "image/class/label"):
      assert each[key] == files[path][key]
  assert len(shapes) == len(files) == raw.summary["num_examples"]
  sides = [min(shape) for shape in shapes]
  assert max(sides) == SIDE > min(sides) and sides.count(SIDE) > 3


def test_the_summary_tells_of_it(whole, raw):
  assert raw.summary["store"] == "raw" and whole.summary["store"] is None
  assert raw.summary["images"]["skipped"] == whole.summary["images"]["skipped"]
  folder = raw.summary_path.parent
  assert not verify_records(folder, NAME, "train").problems
  for record in read_tfrecords(folder, NAME, "train").take(3):
    assert min(record["image"].shape[:2]) <= SIDE


def test_squares(listed, tmp_path):
  squares = convert(
    request(tmp_path / "raw", listed, store="raw", square_side=8)
  )
  pngs = convert(request(tmp_path / "png", listed, square_side=8))
  assert len(squares.shards) == 4
  for one, other in zip(features(squares), features(pngs), strict=True):
    (data,) = other["image/encoded"].bytes_list.value
    expected = tf.io.decode_png(data).numpy().tobytes()
    assert one["image/encoded"].bytes_list.value == [expected]


def test_an_interrupted_conversion_continues(
  listed, raw, tmp_path, monkeypatch
):
  asked = request(tmp_path, listed, store="raw", shorter_side=SIDE)
  size = len(listed.images)
  assert remaining_images(asked) == size
  write_report = shard.write_bytes

  def stop_at_third(path, data):
    if "00002" in path.name:
      raise KeyboardInterrupt
    write_report(path, data)

  with monkeypatch.context() as patch:
    patch.setattr(shard, "write_bytes", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
      convert(asked)
  assert 0 < remaining_images(asked) < size
  assert raw_space(asked).num_images == remaining_images(asked)
  with pytest.raises(UserError, match="got different store; "):
    convert(request(tmp_path, listed, shorter_side=SIDE))
  convert(asked)
  assert contents(tmp_path) == contents(raw.summary_path.parent)
  assert raw_space(asked).num_bytes == 0


def test_the_size_is_known_beforehand(listed, raw, tmp_path):
  asked = request(tmp_path / "new", listed, store="raw", shorter_side=SIDE)
  told = raw_space(asked)
  assert told.num_images == len(listed.images)
  shards = existing_shards(raw.summary_path.parent, NAME, "train")
  written = sum(path.stat().st_size for path in shards)
  # Some of the few images are damaged behind a sound header.
  assert written <= told.num_bytes < 1.25 * written
  assert not (tmp_path / "new").exists()


def test_bytes_by_the_header(tree):
  path = next(iter(tree.kept("train_filelist_google")))
  data = (tree.root / path).read_bytes()
  for side in (30, 1000):
    expected = len(usable_image(data, shorter_side=side, raw=True).data)
    if side == 30:
      assert raw_bytes(data, side, None) == expected
  height, width = tf.io.decode_image(data).shape[:2]
  assert raw_bytes(data, 1000, None) == height * width * 3
  assert raw_bytes(data, None, 7) == 7 * 7 * 3
  assert raw_bytes(b"<html>", 30, None) == 0


def test_a_full_disk_is_told_before_anything_is_written(
  listed, tmp_path, monkeypatch
):
  asked = request(tmp_path / "new", listed, store="raw", shorter_side=SIDE)
  told = raw_space(asked)
  looked_at = []

  def disk_usage(folder):
    looked_at.append(folder)
    return SimpleNamespace(free=2 * told.num_bytes - 1)

  monkeypatch.setattr(shutil, "disk_usage", disk_usage)
  assert check_free_space([told], tmp_path / "new") == 2 * told.num_bytes - 1
  with pytest.raises(
    UserError, match=r"^output_dir: expected 0\.000 GB of free space for raw"
  ):
    check_free_space([told, told], tmp_path / "new")
  assert looked_at == [tmp_path, tmp_path]


@pytest.mark.parametrize(
  ("settings", "message"),
  [
    ({"store": "raw"}, "^store: expected a size with raw pixels, which "),
    ({"store": "bmp"}, "^store: expected one of encoded, raw, got 'bmp'; "),
  ],
)
def test_mistakes(listed, tmp_path, settings, message):
  with pytest.raises(UserError, match=message):
    convert(request(tmp_path, listed, **settings))


def test_the_flag_knows_the_library():
  assert conversion_flags.STORES == plan.STORES
