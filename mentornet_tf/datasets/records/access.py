"""Reading single records where they lie, within TensorFlow's graph."""

from collections.abc import Callable

import tensorflow as tf

from mentornet_tf.datasets.records.index import RecordIndex

# Parallel reads hide the latency of the storage.
_READS_AT_ONCE = 8


def read_records(
  places: tf.data.Dataset, index: RecordIndex
) -> tf.data.Dataset:
  """The bytes of records, for pairs of int64 []: any position, the record."""
  return places.interleave(
    record_reader(index),
    cycle_length=_READS_AT_ONCE,
    num_parallel_calls=_READS_AT_ONCE,
    deterministic=True,
  )


def record_reader(
  index: RecordIndex,
) -> Callable[[tf.Tensor, tf.Tensor], tf.data.Dataset]:
  """A function that makes the data set of one record's bytes, string [].

  It takes any position and the record's index, both int64 [].
  """
  shards = tf.constant([str(shard) for shard in index.shards])
  ends, offsets = tf.constant(index.ends), tf.constant(index.offsets)

  def read(position: tf.Tensor, chosen: tf.Tensor) -> tf.data.Dataset:
    del position
    shard = tf.searchsorted(ends, chosen[tf.newaxis], side="right")[0]
    return record_at(shards[shard], offsets[chosen])

  return read


def record_at(shard: tf.Tensor | str, offset: tf.Tensor) -> tf.data.Dataset:
  """The one record that begins at a byte of a TFRecord file, its bytes.

  All within TensorFlow: Python functions in a pipeline can keep a process from
  ending.
  """
  variant = tf.raw_ops.TFRecordDatasetV2(
    filenames=shard,
    compression_type="",
    buffer_size=tf.constant(0, tf.int64),
    byte_offsets=offset,
  )
  following = tf.data.experimental.from_variant(
    variant, tf.TensorSpec([], tf.string)
  )
  # A file that ends early is an error, not an empty data set.
  return following.take(1).apply(tf.data.experimental.assert_cardinality(1))
