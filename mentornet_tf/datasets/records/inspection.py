"""Which record of a set cannot be used, and why.

TensorFlow's own messages name neither the file nor the record; only after
reading has failed are the shards read again here, one record at a time.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError

from mentornet_tf.datasets.images.listing import readable
from mentornet_tf.datasets.labels.clean_labels import UNKNOWN
from mentornet_tf.datasets.records.framing import NO_WHOLE_RECORD
from mentornet_tf.datasets.records.stored_images import (
  LONGEST_SIDE,
  RAW_FORMAT,
)

_NEEDED = {"image/encoded": "bytes_list", "image/class/label": "int64_list"}
_OPTIONAL = (
  "image/class/clean_label",
  "image/class/known_wrong",
  "image/id",
  "image/height",
  "image/width",
)


@dataclass(frozen=True)
class InspectedRecord:
  """One record of a shard, read and its image decoded.

  Attributes:
    shard: the file.
    index: position in it.
    raw: the serialized tf.train.Example, b"" where it cannot be read.
    problem: why the record cannot be used, None where it can.
    shape: (height, width, 3) of the image, () where there is a problem.
  """

  shard: Path
  index: int
  raw: bytes
  problem: str | None
  shape: tuple[int, ...]

  @property
  def place(self) -> str:
    """Its shard, number and, where it is known, its image's file."""
    return record_place(self.shard, self.index, self.raw)

  def describe(self) -> str:
    """One line on the problem."""
    return f"{self.place}: {self.problem}"


def describe_damage(
  shards: Sequence[Path],
  num_classes: int | None = None,
  passed_over: Collection[int] = (),
) -> str | None:
  """One line on the first unusable record; None where every record is sound.

  Args:
    shards: TFRecord files in reading order.
    num_classes: labels must lie in [0, num_classes); from below only if None.
    passed_over: positions, in reading order, of records that may be damaged.
  """
  first_shape = None
  records = itertools.chain.from_iterable(
    inspect_shard(shard, num_classes) for shard in shards
  )
  for position, record in enumerate(records):
    if position not in passed_over:
      if record.problem:
        return record.describe()
      first_shape = first_shape or record.shape
      if record.shape != first_shape:
        return (
          f"{record.place}: expected an image of "
          f"{first_shape[0]}x{first_shape[1]} pixels like the first, got "
          f"{record.shape[0]}x{record.shape[1]}; "
          "write the set with images of one size"
        )
  return None


def inspect_shard(
  shard: Path, num_classes: int | None = None
) -> Iterator[InspectedRecord]:
  """Reads every record of a shard and decodes its image.

  Args:
    shard: a TFRecord file.
    num_classes: as `describe_damage` takes it.

  Yields:
    The records in order; after one that is no whole TFRecord there is none.
  """
  index = -1
  try:
    for index, record in enumerate(tf.data.TFRecordDataset(str(shard))):
      raw = record.numpy()
      problem, shape = inspect_record(raw, num_classes)
      yield InspectedRecord(shard, index, raw, problem, shape)
  except tf.errors.OpError as error:
    problem = (
      f"{NO_WHOLE_RECORD} ({error.message.split(';')[-1].strip()}); copy this "
      "shard again or write the set again with `overwrite`"
    )
    yield InspectedRecord(shard, index + 1, b"", problem, ())


def record_place(shard: Path, index: int, raw: bytes) -> str:
  """Where a record is, as messages say it.

  Args:
    shard: its file.
    index: its position there.
    raw: the record, which may be damaged; its image's file is named where it
      can be read.
  """
  path = b""
  try:
    features = tf.train.Example.FromString(raw).features.feature
    path = b"".join(features["image/path"].bytes_list.value[:1])
  except DecodeError:
    pass
  image = f" ({readable(path)})" if path else ""
  return f"{shard}: record {index}{image}"


def inspect_record(
  raw: bytes, num_classes: int | None
) -> tuple[str | None, tuple[int, ...]]:
  """Why one record cannot be used, and its image's shape.

  Args:
    raw: a serialized tf.train.Example.
    num_classes: labels must lie in [0, num_classes); from below only if None.

  Returns:
    (None, the image's shape), or (one line on the damage, ()).
  """
  try:
    features = tf.train.Example.FromString(raw).features.feature
  except DecodeError:
    return (
      "expected a tf.train.Example, got other bytes; write the set again with "
      "`overwrite`",
      (),
    )
  for key, kind in _NEEDED.items():
    values = getattr(features[key], kind).value if key in features else ()
    if len(values) != 1:
      return (
        f"expected one value for {key!r}, got {len(values)}; write the set "
        "again with this project's programs or with these keys"
      ), ()
  for key in _OPTIONAL:
    held = features[key].WhichOneof("kind") if key in features else None
    if held and len(features[key].int64_list.value) != 1:
      return (
        f"expected one integer for {key!r}, got "
        f"{len(getattr(features[key], held).value)} of {held}; write the set "
        "again, or leave this key out"
      ), ()
  label = features["image/class/label"].int64_list.value[0]
  if label < 0 or (num_classes is not None and label >= num_classes):
    most = "" if num_classes is None else f" and {num_classes - 1}"
    return (
      f"expected a label {'between 0' if most else 'of at least 0'}{most}, got "
      f"{label}; correct the labels or the set's num_classes"
    ), ()
  if problem := _clean_label_problem(features, num_classes):
    return problem, ()
  if _values(features, "image/format", "bytes_list") == [RAW_FORMAT.encode()]:
    return _inspect_raw(features)
  try:
    return None, _decoded_shape(features["image/encoded"].bytes_list.value[0])
  except tf.errors.OpError:
    return (
      "expected a PNG or JPEG image, got bytes that cannot be decoded; write "
      "the set again with `overwrite`, which leaves it out, or pass over it "
      "with `max_damaged`"
    ), ()


def _values(
  features: Mapping[str, tf.train.Feature], key: str, kind: str
) -> list:
  """What a record holds under a key, [] where it holds nothing."""
  return list(getattr(features[key], kind).value) if key in features else []


def _inspect_raw(
  features: Mapping[str, tf.train.Feature],
) -> tuple[str | None, tuple[int, ...]]:
  """`inspect_record` of the image where it is raw pixels."""
  (height,), (width,) = (
    _values(features, f"image/{side}", "int64_list") or [0]
    for side in ("height", "width")
  )
  if not (0 < height <= LONGEST_SIDE and 0 < width <= LONGEST_SIDE):
    return (
      f"expected a height and a width between 1 and {LONGEST_SIDE} with raw "
      f"pixels, got {height} and {width}; write the set again with "
      "`overwrite`, or pass over it with `max_damaged`"
    ), ()
  expected = height * width * 3
  found = len(features["image/encoded"].bytes_list.value[0])
  if found != expected:
    return (
      f"expected {expected} bytes of {height}x{width} raw pixels, got {found}; "
      "write the set again with `overwrite`, or pass over it with `max_damaged`"
    ), ()
  return None, (height, width, 3)


def _clean_label_problem(
  features: Mapping[str, tf.train.Feature], num_classes: int | None
) -> str | None:
  if "image/class/clean_label" not in features:
    return None
  values = features["image/class/clean_label"].int64_list.value
  clean = values[0] if values else UNKNOWN
  if clean < UNKNOWN or (num_classes is not None and clean >= num_classes):
    most = "" if num_classes is None else f" and {num_classes - 1}"
    return (
      f"expected a clean label {'between' if most else 'of at least'} "
      f"{UNKNOWN}{most}, got {clean}; correct the clean labels or the "
      "set's num_classes"
    )
  return None


def _decoded_shape(encoded: bytes) -> tuple[int, int, int]:
  """Height, width and 3 of an image that decodes.

  Of a JPEG only an eighth is computed, for which all of its data is read.

  Raises:
    tf.errors.OpError: it does not decode.
  """
  if tf.io.is_jpeg(encoded):
    tf.io.decode_jpeg(encoded, channels=3, ratio=8)
    height, width, _ = tf.io.extract_jpeg_shape(encoded).numpy().tolist()
  else:
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    height, width, _ = image.shape
  return height, width, 3
