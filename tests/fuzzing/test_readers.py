"""Files of labels, numbers and archives: a right value or one line."""

import csv
import gzip
import pickle
import re
import tarfile

import numpy as np
import pytest
import torch_archives
from fuzzing import Reader
from image_files import jpeg, picture
from imagenet_trees import write_meta_file, write_tar
from PIL import Image

from mentornet_tf.datasets.images.archives import tar_members
from mentornet_tf.datasets.images.decoding import (
  UnusableImageError,
  usable_image,
)
from mentornet_tf.datasets.labels.files import read_label_columns
from mentornet_tf.datasets.labels.torch_files import read_torch_file
from mentornet_tf.datasets.records.framing import record_spans
from mentornet_tf.datasets.sources.cifar_archives import load_cifar_archive
from mentornet_tf.datasets.trees.imagenet_ground_truth import read_meta_file
from mentornet_tf.errors import UserError
from mentornet_tf.internal import restricted_pickle
from mentornet_tf.mentor_training.example_files import load_examples
from mentornet_tf.mentor_training.loss_dump import read_loss_dump


def text(content: str):
  return lambda path: path.write_text(content, encoding="utf-8")


def file(name, write, read, check, **options) -> Reader:
  """A reader of one file, which `write` writes to the path it gets."""

  def write_file(folder):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path)

  return Reader(name, write_file, read, check, **options)


def write_cifar_batch(path):
  pixels = np.arange(2 * 3072).astype(np.uint8).reshape(2, 3072)
  path.write_bytes(pickle.dumps({"data": pixels, "labels": [3, 9]}, 2))


def write_cifar_tar(path):
  content = path.with_name("content")
  content.write_bytes(bytes(3073))
  with tarfile.open(path, "w:gz") as archive:
    archive.add(content, "cifar-10-batches-bin/test_batch.bin")
  content.unlink()
  # Without the time, so that every run damages the same bytes.
  data = gzip.decompress(path.read_bytes())
  path.write_bytes(gzip.compress(data, mtime=0))


def write_examples(path):
  rows, target = np.full((4, 4), 0.5), np.full(4, 0.5)
  np.savez_compressed(
    path,
    train_features=rows,
    train_targets=target,
    test_features=rows,
    test_targets=target,
  )


def as_numpy_loads_it(path, columns):
  loaded = np.load(path, allow_pickle=False)
  expected = {"label": loaded} if path.suffix == ".npy" else dict(loaded)
  for name, column in columns.items():
    assert column.dtype == np.int64
    assert column.ndim == 1
    np.testing.assert_array_equal(column, expected[name])


def as_pickle_loads_it(path, value):
  """What the file's own reader gives; it was found to hold plain data."""
  with path.open("rb") as opened:
    expected = pickle._Unpickler(opened, encoding="latin1").load()
  assert repr(value) == repr(expected)


def columns_of_integers(_, columns):
  assert all(
    column.dtype == np.int64 and column.ndim == 1 for column in columns.values()
  )
  assert len({len(column) for column in columns.values()}) <= 1


def as_csv_reads_it(path, columns):
  with path.open(newline="", encoding="utf-8-sig") as opened:
    rows = [row for row in csv.reader(opened) if any(row)]
  header = [name.strip() for name in rows[0]]
  for name, column in columns.items():
    place = len(header) - 1 - header[::-1].index(name)
    assert [int(row[place]) for row in rows[1:]] == column.tolist()


def synsets_by_number(_, synsets):
  """The format has no checksum: numbers and ids may be others."""
  assert all(isinstance(number, int) for number in synsets)
  assert all(re.fullmatch(r"n\d{8}", synset) for synset in synsets.values())


def parts_of_the_archive(path, members):
  size = path.stat().st_size
  for member in members:
    assert 0 <= member.offset <= member.offset + member.size <= size


def cifar_images(_, source):
  assert source.images.dtype == np.uint8
  assert source.images.shape == (len(source.labels), 32, 32, 3)
  assert source.labels.dtype == np.int64
  assert ((source.labels >= 0) & (source.labels < 10)).all()


def rows_of_losses(_, dump):
  lengths = {len(dump.loss), len(dump.epoch), len(dump.noisy_label)}
  assert lengths == {len(dump.example_id)}
  assert np.isfinite(dump.loss).all()
  assert (dump.loss >= 0).all()
  assert ((dump.epoch >= 0) & (dump.epoch <= 100)).all()
  assert (dump.noisy_label >= 0).all()
  if dump.memory is not None:
    assert dump.memory.shape == (len(dump.loss), 4)
    assert np.isfinite(dump.memory).all() and (dump.memory >= 0).all()
    assert (dump.memory[:, 1:] <= 1).all()


def finite_examples(_, examples):
  for part in ("train", "test"):
    features = getattr(examples, f"{part}_features")
    targets = getattr(examples, f"{part}_targets")
    assert features.shape == (len(targets), 4)
    assert np.isfinite(features).all()
    assert ((targets >= 0) & (targets <= 1)).all()


def chain_of_records(path, spans):
  ends = (spans.offsets + spans.lengths + 16).tolist()
  assert spans.offsets.tolist() == [0, *ends][: len(ends)]
  assert ([0, *ends])[-1] == path.stat().st_size


def read_image(path):
  try:
    return usable_image(path.read_bytes())
  except UnusableImageError as error:
    raise UserError(f"{error}; it is skipped and counted") from error


def image_in_three_channels(path, usable):
  """What Pillow decodes; or the very file, whose pixels nobody has decoded."""
  assert usable.format == "jpeg"
  assert usable.height > 0
  assert usable.width > 0
  if usable.repair is None:
    assert usable.data == path.read_bytes()
  else:
    with Image.open(path.with_name(path.name)) as source:
      size = source.size
    assert (usable.width, usable.height) == size
    import io

    with Image.open(io.BytesIO(usable.data)) as image:
      image.load()
      assert (image.mode, image.size) == ("RGB", size)


def picture_file(name, file_format, **options):
  def write(path):
    path.write_bytes(
      jpeg(picture(24, 16), **options)
      if file_format == "JPEG"
      else _encoded(picture(24, 16), file_format, **options)
    )

  return file(name, write, read_image, image_in_three_channels)


def _encoded(image, file_format, **options):
  from image_files import encoded

  return encoded(image, file_format, **options)


TENSORS = {"clean": np.arange(9), "noisy": np.arange(9) % 4}

READERS = {
  "pickle": file(
    "x.p", write_cifar_batch, restricted_pickle.load, as_pickle_loads_it
  ),
  "labels .csv": file(
    "x.csv",
    text("id,label\n0,3\n1,4\n"),
    read_label_columns,
    as_csv_reads_it,
  ),
  "labels .npy": file(
    "y.npy",
    lambda path: np.save(path, np.arange(9)),
    read_label_columns,
    as_numpy_loads_it,
  ),
  "labels, pickled": file(
    "y.npy",
    lambda path: np.save(
      path, {"a": [1, 2], "b": np.arange(2)}, allow_pickle=True
    ),
    read_label_columns,
    columns_of_integers,
  ),
  "labels .npz": file(
    "y.npz",
    lambda path: np.savez_compressed(path, id=np.arange(9), label=np.arange(9)),
    read_label_columns,
    as_numpy_loads_it,
  ),
  "labels .pt": file(
    "y.pt",
    lambda path: torch_archives.save_tensors(path, TENSORS),
    read_label_columns,
    columns_of_integers,
  ),
  "torch": file(
    "y.pt",
    lambda path: torch_archives.save_arrays(path, TENSORS),
    read_torch_file,
    lambda path, value: None,
  ),
  "meta.mat": file(
    "meta.mat", write_meta_file, read_meta_file, synsets_by_number
  ),
  "tar": file(
    "x.tar",
    lambda path: write_tar(path, 2),
    tar_members,
    parts_of_the_archive,
  ),
  "CIFAR batch": file(
    "cifar-10-batches-py/test_batch",
    write_cifar_batch,
    lambda path: load_cifar_archive(path.parent, "cifar10", "test"),
    cifar_images,
  ),
  "CIFAR .tar.gz": file(
    "cifar-10-binary.tar.gz",
    write_cifar_tar,
    lambda path: load_cifar_archive(path, "cifar10", "test"),
    cifar_images,
  ),
  "loss dump": file(
    "losses.csv",
    text("0.5 1.25 3 1 0\n0.5 2.5 4 0 1\n"),
    read_loss_dump,
    rows_of_losses,
  ),
  "loss dump with a memory": file(
    "losses.csv",
    text("1 12 3 1 0.5 1.25 0.5 0.25 1\n2 25 4 4 0.5 0.75 1 0 0.5\n"),
    read_loss_dump,
    rows_of_losses,
  ),
  "mentor examples": file(
    "x.npz", write_examples, load_examples, finite_examples
  ),
  "framing": file(
    "x.tfrecord",
    lambda path: path.write_bytes((5).to_bytes(8, "little") + bytes(13)),
    record_spans,
    chain_of_records,
  ),
  "JPEG": picture_file("x", "JPEG"),
  "grey JPEG": file(
    "x",
    lambda path: path.write_bytes(jpeg(picture(24, 16).convert("L"))),
    read_image,
    image_in_three_channels,
  ),
  "PNG": picture_file("x", "PNG"),
  "GIF": picture_file("x", "GIF"),
  "TIFF": picture_file("x", "TIFF", compression="tiff_lzw"),
  "WebP": picture_file("x", "WebP"),
  "BMP": picture_file("x", "BMP"),
}


@pytest.mark.parametrize("name", READERS)
def test_damaged_files(fuzz_few, name):
  fuzz_few(READERS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_damaged_files(fuzz_many, name):
  assert fuzz_many(READERS[name]).lines


def test_a_wrong_value_or_line_is_told_with_its_seed(fuzz_few):
  reader = file("x", text("1"), lambda path: 1, lambda path, value: 1 / 0)
  with pytest.raises(AssertionError, match=r"seed 0: Zero.*\nseed 1: Zero"):
    fuzz_few(reader)
