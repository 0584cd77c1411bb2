"""Joint training on streamed images, whose clean labels are partly known."""

import io

import pytest
from large_image_runs import OPTIONS, SETTINGS
from large_images import NUM_CLASSES, write_records
from rich.console import Console

from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.errors import UserError
from mentornet_tf.runs.run_folder import read_run
from mentornet_tf.training import train

_JOINT = SETTINGS.changed(
  max_number_of_steps=10,
  update_mentor_at="0.4",
  clean_fraction=1.0,
  update_decision_threshold=0.7,
)


def partly_checked(count, known):
  """Clean labels of `count` images, -1 unless known; half of them differ."""
  return [(i + i % 2) % NUM_CLASSES if i in known else -1 for i in range(count)]


def test_a_mentor_is_updated_from_the_checked_images_of_a_streamed_set(
  tmp_path, brief_updates
):
  write_records(
    tmp_path,
    count=40,
    clean_labels=partly_checked(40, range(5, 30)),
    noise={"kind": "none", "measured_rate": 0.5, "unknown_true_labels": 15},
  )
  data = open_data(tmp_path, "webvision_mini", "train", _JOINT.images.crop)
  assert not data.has_clean_labels
  labels, clean_labels = data.labels()
  assert labels.tolist() == [i % NUM_CLASSES for i in range(40)]
  assert clean_labels.tolist() == partly_checked(40, range(5, 30))
  text = io.StringIO()
  train.train_and_evaluate(
    _JOINT,
    tmp_path / "run",
    data,
    options=OPTIONS,
    console=Console(file=text, width=1000),
  )
  assert "mentor updated at 40 % of training" in text.getvalue()
  assert (
    read_run(tmp_path / "run")["data"]["clean_subset"]["num_examples"] == 25
  )


def test_a_record_that_spoils_the_labels_is_named(tmp_path):
  write_records(
    tmp_path, count=12, num_shards=2, num_classes=5, class_names=list("abcde")
  )
  data = open_data(tmp_path, "webvision_mini", "train", SETTINGS.images.crop)
  with pytest.raises(UserError, match=r"00000-of-00002: record 5: .*label"):
    data.labels()


@pytest.mark.parametrize(
  ("known", "noise", "message"),
  [
    ((), {}, "expected known clean labels in webvision_mini_train, got none"),
    # As written before unknown ones were counted.
    (range(30), {"measured_rate": 0.5}, "got 10 unknown ones; write the rec"),
    (
      range(0, 40, 2),
      {"measured_rate": 0, "unknown_true_labels": 20},
      "20 clean ones only",
    ),
  ],
)
def test_clean_labels_of_a_streamed_set_are_checked(
  tmp_path, known, noise, message
):
  write_records(
    tmp_path, count=40, clean_labels=partly_checked(40, known), noise=noise
  )
  with pytest.raises(UserError, match=message):
    train.train_and_evaluate(
      _JOINT,
      tmp_path / "run",
      open_data(tmp_path, "webvision_mini", "train", _JOINT.images.crop),
    )
  assert not (tmp_path / "run").exists()
