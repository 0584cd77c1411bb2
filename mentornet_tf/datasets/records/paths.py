"""The files that records name, for rankings; batches do without them."""

from collections.abc import Iterable

import tensorflow as tf

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.records.access import read_records
from mentornet_tf.datasets.records.index import RecordIndex

_FEATURE = {"image/path": tf.io.FixedLenFeature([], tf.string, "")}

# Images stay encoded and are not copied.
_PARSED_AT_ONCE = 64


def parse_paths(serialized: tf.Tensor) -> tf.Tensor:
  """The paths of records, [] or [B] string; empty where they hold none."""
  return tf.io.parse_example(serialized, _FEATURE)["image/path"]


def paths_column(batches: Iterable[Iterable[bytes]]) -> BytesColumn:
  """The paths of all records from those of batches."""
  return BytesColumn.of(path for batch in batches for path in batch)


def read_paths(index: RecordIndex) -> BytesColumn:
  """The paths of N records, which are read once; empty where they hold none.

  Raises:
    tf.errors.OpError: a record is damaged.
  """
  places = tf.data.Dataset.range(len(index)).map(lambda place: (place, place))
  paths = read_records(places, index).batch(_PARSED_AT_ONCE).map(parse_paths)
  return paths_column(paths.as_numpy_iterator())
