"""Digests of data sets, by which a run knows its images and labels again."""

import hashlib
import os

import numpy as np

from mentornet_tf.datasets.reading.dataset import TrainingData
from mentornet_tf.datasets.reading.in_memory_data import InMemoryData
from mentornet_tf.datasets.reading.streamed_data import StreamedData
from mentornet_tf.datasets.records.framing import HEADER_BYTES
from mentornet_tf.datasets.records.index import RecordIndex
from mentornet_tf.datasets.records.schema import InMemoryDataset

_LENGTH_BYTES, _CHECKSUM_BYTES = 8, 4

# Records of a streamed set whose checksums are part of its digest. Of a set in
# which 1 % of the records have another label, it misses 1 of 29,000.
_NUM_SAMPLES = 1024


def data_digest(data: TrainingData) -> str:
  """Tells images and labels from others of the same count and classes."""
  if isinstance(data, StreamedData):
    return records_digest(data.records.index)
  assert isinstance(data, InMemoryData)
  return in_memory_digest(data.dataset)


def in_memory_digest(dataset: InMemoryDataset) -> str:
  """SHA-256 of all ids, labels, clean labels and pixels, in their order."""
  digest = hashlib.sha256()
  for array in (
    dataset.ids,
    dataset.labels,
    dataset.clean_labels,
    dataset.images,
  ):
    array = np.ascontiguousarray(array)
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    digest.update(array.data)
  return digest.hexdigest()


def records_digest(index: RecordIndex) -> str:
  """SHA-256 of where records begin and of the checksums of some of them.

  The places tell the size of every record. TFRecord files hold a checksum of
  each record, image and labels, so that a sample takes two short reads per
  record.

  Args:
    index: the places of N records.

  Raises:
    OSError: a shard cannot be read.
  """
  digest = hashlib.sha256()
  for places in (index.counts, index.offsets, index.positions):
    if places is not None:
      digest.update(np.asarray(places, "<i8").tobytes())
  count = min(len(index), _NUM_SAMPLES)
  sample = np.linspace(0, len(index) - 1, count).astype(np.int64)
  shard_of = np.searchsorted(index.ends, sample, side="right")
  for number in np.unique(shard_of):
    file = os.open(index.shards[number], os.O_RDONLY)
    try:
      for offset in index.offsets[sample[shard_of == number]].tolist():
        length = os.pread(file, _LENGTH_BYTES, offset)
        behind = offset + HEADER_BYTES + int.from_bytes(length, "little")
        digest.update(length + os.pread(file, _CHECKSUM_BYTES, behind))
    finally:
      os.close(file)
  return digest.hexdigest()
