"""Sets with damaged records: their batches are those of the sound ones."""

import io

import numpy as np
import pytest
from large_images import images, jpeg, write_records
from rich.console import Console

from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.errors import UserError

NAME = "webvision_mini"
CROP = Crop(24, 30)
BAD = (4, 13)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("damaged")
  encoded = [jpeg(image) for image in images(20)]
  for index in BAD:
    encoded[index] = encoded[index][: len(encoded[index]) // 2]
  write_records(folder, encoded=encoded, num_shards=2)
  return folder


def opened(folder, max_damaged=2, console=None):
  return open_data(
    folder, NAME, "train", CROP, console=console, max_damaged=max_damaged
  )


def taken(batches, count):
  return list(batches.take(count).as_numpy_iterator())


def test_they_are_named_as_the_set_is_opened(folder):
  text = io.StringIO()
  console = Console(file=text, soft_wrap=True)
  data = opened(folder, console=console)
  assert len(data) == 18
  head, *lines = text.getvalue().splitlines()
  assert head == "webvision_mini_train: passing over 2 damaged records"
  shard = folder / "webvision_mini_train-0000{}-of-00002"
  assert [line.partition(": expected")[0].strip() for line in lines] == [
    f"{str(shard).format(0)}: record 4",
    f"{str(shard).format(1)}: record 3",
  ]
  assert data.run_summary()["num_damaged"] == 2
  assert data.run_summary()["num_examples"] == 18


def test_one_more_is_refused(folder):
  with pytest.raises(UserError, match="at most 1 damaged records, got 2"):
    opened(folder, 1)


def test_a_pass_visits_every_sound_record_once(folder):
  data = opened(folder)
  sound = [1000 + i for i in range(20) if i not in BAD]
  batches = taken(data.training_batches(6, seed=3, start_step=0), 3)
  ids = np.concatenate([batch["id"] for batch in batches])
  assert sorted(ids) == sound
  evaluated = taken(data.evaluation_batches(5), 4)
  np.testing.assert_array_equal(
    np.concatenate([batch["id"] for batch in evaluated]), sound
  )
  labels, _ = data.labels()
  np.testing.assert_array_equal(labels, [(each - 1000) % 6 for each in sound])


def test_a_later_start_gives_the_same_batches(folder):
  whole = taken(opened(folder).training_batches(6, seed=3, start_step=0), 7)
  # As after an interruption: the set is opened anew.
  rest = taken(opened(folder).training_batches(6, seed=3, start_step=4), 3)
  for expected, found in zip(whole[4:], rest, strict=True):
    for key, values in expected.items():
      np.testing.assert_array_equal(found[key], values)


def test_images_and_labels_stay_together(folder, tmp_path):
  write_records(tmp_path, count=20, num_shards=2)
  whole = open_data(tmp_path, NAME, "train", CROP)
  expected = taken(whole.evaluation_batches(20), 1)[0]
  (found,) = taken(opened(folder).evaluation_batches(20), 1)
  kept = np.delete(np.arange(20), BAD)
  np.testing.assert_array_equal(found.pop("index"), np.arange(len(kept)))
  del expected["index"]
  for key, values in expected.items():
    np.testing.assert_array_equal(found[key], values[kept])
