"""Which record of a set cannot be used, and why.

TensorFlow's own messages name neither the file nor the record; only after
reading has failed are the shards read again here, one record at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError

from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.records.framing import NO_WHOLE_RECORD

_NEEDED = {"image/encoded": "bytes_list", "image/class/label": "int64_list"}
_OPTIONAL = ("image/class/clean_label", "image/id")


@dataclass(frozen=True)
class InspectedRecord:
  """One record of a shard, read and its image decoded.

  Attributes:
    index: position in its shard.
    raw: the serialised tf.train.Example, b"" where it cannot be read.
    problem: why the record cannot be used, None where it can.
    shape: (height, width, 3) of the image, () where there is a problem.
  """

  index: int
  raw: bytes
  problem: str | None
  shape: tuple[int, ...]


def describe_damage(
  shards: Sequence[Path], num_classes: int | None = None
) -> str | None:
  """One line on the first unusable record; None where every record is sound.

  Args:
    shards: TFRecord files in reading order.
    num_classes: labels must lie in [0, num_classes); from below only if None.
  """
  first_shape = None
  for shard in shards:
    for record in inspect_shard(shard, num_classes):
      where = f"{shard}: record {record.index}"
      if record.problem:
        return f"{where}: {record.problem}"
      first_shape = first_shape or record.shape
      if record.shape != first_shape:
        return (
          f"{where}: expected an image of {first_shape[0]}x{first_shape[1]} "
          f"pixels like the first, got {record.shape[0]}x{record.shape[1]}; "
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
      yield InspectedRecord(index, raw, problem, shape)
  except tf.errors.OpError as error:
    problem = (
      f"{NO_WHOLE_RECORD} ({error.message.split(';')[-1].strip()}); copy this "
      "shard again or write the set again"
    )
    yield InspectedRecord(index + 1, b"", problem, ())


def inspect_record(
  raw: bytes, num_classes: int | None
) -> tuple[str | None, tuple[int, ...]]:
  """Why one record cannot be used, and its image's shape.

  Args:
    raw: a serialised tf.train.Example.
    num_classes: labels must lie in [0, num_classes); from below only if None.

  Returns:
    (None, the image's shape), or (one line on the damage, ()).
  """
  try:
    features = tf.train.Example.FromString(raw).features.feature
  except DecodeError:
    return (
      "expected a tf.train.Example, got other bytes; write the set again",
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
    kind = features[key].WhichOneof("kind") if key in features else None
    if kind and len(features[key].int64_list.value) != 1:
      return (
        f"expected one integer for {key!r}, got "
        f"{len(getattr(features[key], kind).value)} of {kind}; write the set "
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
  try:
    image = tf.io.decode_image(
      features["image/encoded"].bytes_list.value[0],
      channels=3,
      expand_animations=False,
    )
  except tf.errors.OpError:
    return (
      "expected a PNG or JPEG image, got bytes that cannot be decoded; write "
      "the set again"
    ), ()
  return None, tuple(image.shape)


def _clean_label_problem(
  features: Mapping[str, tf.train.Feature], num_classes: int | None
) -> str | None:
  if "image/class/clean_label" not in features:
    return None
  values = features["image/class/clean_label"].int64_list.value
  clean = values[0] if values else UNKNOWN
  if clean < KNOWN_WRONG or (num_classes is not None and clean >= num_classes):
    most = "" if num_classes is None else f" and {num_classes - 1}"
    return (
      f"expected a clean label {'between' if most else 'of at least'} "
      f"{KNOWN_WRONG}{most}, got {clean}; correct the clean labels or the "
      "set's num_classes"
    )
  return None
