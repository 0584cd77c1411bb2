"""From a source of images to a noisy record set."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.labels.noise import measured_noise_rate
from mentornet_tf.datasets.records.schema import Example, encode_example
from mentornet_tf.datasets.records.shards import planned_summary
from mentornet_tf.datasets.sources.base import SourceImages
from mentornet_tf.datasets.sources.registry import load_source
from mentornet_tf.datasets.writing.record_set import write_shards
from mentornet_tf.datasets.writing.staging import StagedSet
from mentornet_tf.errors import UserError

_DEFAULT_TRAIN_SHARDS = 5
_ENCODED_AT_ONCE = 256


@dataclass(frozen=True)
class NoisyRecords:
  """What to write.

  Attributes:
    output_dir: folder of the records.
    dataset_name: "digits", "cifar10" or "cifar100".
    source_dir: official archive of CIFAR, or None.
    tfds_data_dir: folder of TensorFlow Datasets, or None.
    noise: which labels the training split gets.
    num_shards: shards of the training split; 5 where None. Other splits have
      one.
    splits: which splits to write.
    max_train_examples: keep only this many training images, the first.
    overwrite: replace a set made with other options.
  """

  output_dir: str | Path
  dataset_name: str = "digits"
  source_dir: str | Path | None = None
  tfds_data_dir: str | Path | None = None
  noise: LabelNoise = field(default_factory=LabelNoise)
  num_shards: int | None = None
  splits: tuple[str, ...] = ("train", "test")
  max_train_examples: int | None = None
  overwrite: bool = False


@dataclass(frozen=True)
class WrittenSplit:
  """What was written: the files and the summary beside them."""

  files: tuple[Path, ...]
  summary: dict[str, Any]


@dataclass(frozen=True)
class _Split:
  """One split ready to be written."""

  source: SourceImages
  labels: np.ndarray
  summary: dict[str, Any]


def write_noisy_records(
  request: NoisyRecords,
  on_start: Callable[[str, int], None] = lambda split, count: None,
  on_record: Callable[[], None] = lambda: None,
) -> dict[str, WrittenSplit]:
  """Writes every split of the request; noise goes to the training split only.

  Args:
    request: what to write.
    on_start: called with a split's name and number of images.
    on_record: called after each record.

  Returns:
    Split name -> what was written.

  Raises:
    UserError: the request contradicts itself, a source cannot be read, or a
      set with other options is there already.
  """
  _check_request(request)
  prepared = {split: _prepare(request, split) for split in request.splits}
  if not request.overwrite:
    for split, ready in prepared.items():
      folder, name = Path(request.output_dir), request.dataset_name
      StagedSet(folder, name, split).refuse_others(ready.summary)
  written = {}
  for split, ready in prepared.items():
    on_start(split, len(ready.source))
    files = write_shards(
      _encoded(ready),
      request.output_dir,
      ready.summary,
      on_record=on_record,
    )
    written[split] = WrittenSplit(tuple(files), ready.summary)
  return written


def _check_request(request: NoisyRecords) -> None:
  both = request.source_dir and request.tfds_data_dir
  # Images may come from an archive and labels from TensorFlow Datasets.
  if both and not request.noise.labels_from_tfds:
    raise UserError(
      "source_dir, tfds_data_dir: expected one of them, got both; leave one out"
    )
  if not request.splits:
    raise UserError(
      "splits: expected at least one split, got none; name train or test"
    )


def _prepare(request: NoisyRecords, split: str) -> _Split:
  source = load_source(
    request.dataset_name,
    split,
    source_dir=request.source_dir,
    tfds_data_dir=request.tfds_data_dir,
  )
  labels = source.labels
  noise: dict[str, Any] = {"kind": "none"}
  num_shards = 1
  if split == "train":
    labels, noise = request.noise.labels(
      source, request.dataset_name, request.tfds_data_dir
    )
    source, labels = _first(source, labels, request.max_train_examples)
    # A handful of images does not need five files.
    num_shards = request.num_shards or min(_DEFAULT_TRAIN_SHARDS, len(source))
  noise["measured_rate"] = measured_noise_rate(labels, source.labels)
  fields = {
    "class_names": list(source.class_names),
    "num_classes": source.num_classes,
    "noise": noise,
    "ordering": source.ordering,
    "source": source.description,
  }
  summary = planned_summary(
    request.dataset_name, split, num_shards, len(source), fields
  )
  return _Split(source, labels, summary)


def _first(
  source: SourceImages, labels: np.ndarray, count: int | None
) -> tuple[SourceImages, np.ndarray]:
  """The first `count` images, with the noise of the whole set."""
  if count is None:
    return source, labels
  if not 1 <= count <= len(source):
    raise UserError(
      f"max_train_examples: expected a number between 1 and {len(source)}, got "
      f"{count}; choose another number, or leave it out for all"
    )
  kept = SourceImages(
    images=source.images[:count],
    labels=source.labels[:count],
    ids=source.ids[:count],
    class_names=source.class_names,
    ordering=source.ordering,
    description=f"{source.description}, first {count} of {len(source)}",
    paths=source.paths[:count],
  )
  return kept, labels[:count]


def _encoded(ready: _Split) -> Iterator[bytes]:
  """Serialized records; the images are compressed in parallel, in order."""
  source = ready.source
  height, width = source.images.shape[1:3]
  with tf.device("CPU:0"):
    images = tf.data.Dataset.from_tensor_slices(source.images)
  batches = images.batch(_ENCODED_AT_ONCE).map(
    tf.io.encode_png, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
  )
  columns = zip(
    itertools.chain.from_iterable(batches.as_numpy_iterator()),
    ready.labels.tolist(),
    source.labels.tolist(),
    source.ids.tolist(),
    source.paths or itertools.repeat(b"", len(source)),
    strict=True,
  )
  for image_bytes, label, clean_label, identity, path in columns:
    yield encode_example(
      Example(
        image_bytes=image_bytes,
        image_format="png",
        label=label,
        clean_label=clean_label,
        id=identity,
        height=height,
        width=width,
        path=path,
      )
    )
