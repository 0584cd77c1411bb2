"""Opening training folders of this package and of the original."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from tf1_programs import original_values, write_as_tf1

from mentornet_tf.datasets.reading.in_memory import standardize
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation import continuous
from mentornet_tf.runs.trained_run import open_run
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  folder = tmp_path_factory.mktemp("runs") / "run"
  settings = TrainingSettings.of(
    dataset_name="quadrants",
    studentnet=tiny.STUDENT,
    batch_size=10,
    max_number_of_steps=4,
  )
  options = train.RunOptions(save_interval_steps=2, steps_per_call=1)
  result = train.train_and_evaluate(
    settings, folder, tiny.dataset(), None, options
  )
  return folder, result.model.student


def images_of(student):
  size = (3, *student.input_shape[1:])
  draw = np.random.default_rng(0).integers(0, 256, size)
  return standardize(tf.constant(draw, tf.uint8))


def test_a_folder_knows_its_student_and_classes(trained):
  folder, student = trained
  run = open_run(folder)
  assert run.load_newest() == run.total_steps == 4
  images = images_of(student)
  np.testing.assert_array_equal(run.student(images), student(images))
  assert run.data["class_names"] == list("abcd")
  assert run.settings.data.dataset_name == "quadrants"


def test_one_checkpoint_can_be_chosen(trained):
  folder, student = trained
  for path in (folder / "model.ckpt-2", folder / "model.ckpt-2.index"):
    run = open_run(path)
    assert run.newest() == str(folder / "model.ckpt-2")
    assert run.load_newest() == 2
  last = student.weights[-1]
  assert np.abs(keras.ops.subtract(run.student.weights[-1], last)).max() > 0


def test_data_of_other_classes_is_refused(trained):
  with pytest.raises(UserError, match=r"of 4 classes.*got data of 10"):
    open_run(trained[0], num_classes=10)
  with pytest.raises(UserError, match="got 'b' as class 0, which is 'a' there"):
    open_run(trained[0], num_classes=4, class_names=tuple("bacd"))


def test_classes_without_names_are_compared_by_count(trained, tmp_path):
  assert open_run(trained[0], num_classes=4, class_names=tuple("0123"))
  # As versions that did not note the names have written it.
  run = json.loads((trained[0] / "run.json").read_text())
  del run["data"]["class_names"]
  (tmp_path / "run.json").write_text(json.dumps(run))
  assert open_run(tmp_path, num_classes=4, class_names=tuple("bacd"))


def test_a_folder_without_settings_and_names_is_refused(trained, tmp_path):
  for file in trained[0].glob("*ckpt*"):
    (tmp_path / file.name).write_bytes(file.read_bytes())
  with pytest.raises(UserError, match=r"run\.json that training wrote"):
    open_run(tmp_path / "model.ckpt-4")


def test_a_folder_of_the_original_is_evaluated(golden, tmp_path):
  write_as_tf1(
    tmp_path,
    original_values(golden, "cifarnet_10") | {"global_step": np.int64(7)},
  )
  recorded = golden.npz("students_cifarnet")
  labels = recorded["cifarnet_logits_10"].argmax(1)
  labels[:4] = (labels[:4] + 1) % 10
  count = len(labels)
  data = InMemoryDataset(
    images=recorded["images_uint8"],
    labels=labels,
    clean_labels=np.full(count, -1),
    ids=np.arange(count),
    num_classes=10,
    class_names=tuple("0123456789"),
    name="ten_digits",
  )
  lines = []
  continuous.evaluate_checkpoints(
    open_run(tmp_path, "inception", data.num_classes),
    data,
    count,
    tmp_path / "eval",
    once=True,
    interval_seconds=0,
    print_line=lines.append,
  )
  assert lines[0].startswith("ten_digits  step 7  accuracy 0.7500")
