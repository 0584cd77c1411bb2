"""Records name their files; those of other tools, and older ones, may not."""

import numpy as np
import pytest
from large_images import images, jpeg

from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.datasets.records.schema import (
  Example,
  encode_example,
  load_in_memory,
)
from mentornet_tf.datasets.records.shards import planned_summary
from mentornet_tf.datasets.writing.record_set import write_shards

PATHS = ["a/1.jpg", "", "café/ü 3.jpg", "x.tar/4.jpg", "a/5.jpg", "6"]
BAD = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Six images of one size in two shards, one of them damaged."""
  folder = tmp_path_factory.mktemp("records")
  encoded = [jpeg(image[:64, :64]) for image in images(len(PATHS))]
  encoded[BAD] = encoded[BAD][:200]
  records = [
    encode_example(
      Example(data, "jpeg", i % 2, 70 - i, 64, 64, path=path.encode())
    )
    for i, (data, path) in enumerate(zip(encoded, PATHS, strict=True))
  ]
  summary = planned_summary("s", "train", 2, len(PATHS), {"num_classes": 2})
  write_shards(records, folder, summary)
  return folder


@pytest.mark.parametrize("crop", [None, Crop(24, 30)])
def test_paths_are_those_of_the_records_that_are_read(folder, crop):
  data = open_data(folder, "s", "train", crop, max_damaged=1)
  found = [path.decode() for path in data.paths()]
  assert found == PATHS[:BAD] + PATHS[BAD + 1 :]
  part = np.array([1, 2, 4])
  (batch,) = data.take(part).evaluation_batches(8)
  assert [path.decode() for path in data.take(part).paths()] == [
    PATHS[70 - id] for id in batch["id"].numpy().tolist()
  ]
  # Paths are not among what training reads.
  assert set(batch) == {"image", "label", "clean_label", "id", "index"}


def test_records_without_paths_have_empty_ones(record_sets):
  image = np.zeros((8, 8, 3), np.uint8)
  folder = record_sets.write([image] * 3, [0, 1, 0])
  assert list(load_in_memory(folder, "cifar10", "train").paths) == [b""] * 3
  streamed = open_data(folder, "cifar10", "train", Crop(8, 8))
  assert list(streamed.paths()) == [b""] * 3
