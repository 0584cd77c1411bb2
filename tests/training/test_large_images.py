"""Runs on images of any size, from records to evaluations on several sets."""

import csv
import dataclasses
import io
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from large_image_runs import OPTIONS, SETTINGS
from large_images import NUM_CLASSES, write_records
from quadrant_runs import killed_at_the_next_checkpoint
from rich.console import Console

from mentornet_tf.datasets.reading import dataset, open, streaming
from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.datasets.records.set_names import parse_set_names
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation import continuous
from mentornet_tf.evaluation.evaluation_sets import open_evaluation_data
from mentornet_tf.export.exporting import export_student
from mentornet_tf.runs import checkpointing
from mentornet_tf.runs.run_folder import read_metrics, read_run
from mentornet_tf.runs.trained_run import open_run, settings_or_defaults
from mentornet_tf.training import builders, running, train
from mentornet_tf.training.checkpoint_groups import variable_groups

SETS = ["webvision_mini:val", "imagenet_mini:val"]
COLUMNS = [
  f"{name}/{what}"
  for name in ("webvision_mini_val", "imagenet_mini_val")
  for what in ("accuracy", "top5_accuracy", "loss")
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  place = tmp_path_factory.mktemp("records")
  write_records(place, count=40)
  write_records(place, split="val", count=20, num_shards=1, seed=100)
  write_records(
    place, "imagenet_mini", "val", count=14, num_shards=2, clean=True, seed=200
  )
  return place


def run(folder, run_folder, settings=SETTINGS, options=OPTIONS, sets=SETS):
  text = io.StringIO()
  result = train.train_and_evaluate(
    settings,
    run_folder,
    open_data(folder, "webvision_mini", "train", settings.images.crop),
    sets
    and open_evaluation_data(
      parse_set_names(sets, str(folder)), settings.images.crop
    ),
    options,
    Console(file=text, width=1000),
  )
  return result, text.getvalue()


def state(model):
  groups = variable_groups(model)
  return [v.numpy() for variables in groups.values() for v in variables]


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
  """An uninterrupted run: its folder, result and printed lines."""
  place = tmp_path_factory.mktemp("whole")
  return place, *run(folder, place)


def test_a_mentored_run_learns_and_is_evaluated_on_every_set(whole):
  place, result, text = whole
  assert result.finished and result.step == 30
  rows = read_metrics(place)
  assert [int(row["step"]) for row in rows] == [5, 10, 15, 20, 25, 30]
  assert [
    c for c in rows[0] if c not in running.MetricsReporter.columns(False, None)
  ] == ["step", *COLUMNS]
  assert [int(row["step"]) for row in rows if row[COLUMNS[0]]] == [15, 30]
  last = {column: float(rows[-1][column]) for column in COLUMNS}
  for name in ("webvision_mini_val", "imagenet_mini_val"):
    assert last[f"{name}/accuracy"] > 0.5
    assert last[f"{name}/top5_accuracy"] >= last[f"{name}/accuracy"]
    shown = (
      f"{name} accuracy {last[f'{name}/accuracy']:.4f} "
      f"top-5 {last[f'{name}/top5_accuracy']:.4f}"
    )
    assert shown in text
  data = read_run(place)["data"]
  assert re.fullmatch("[0-9a-f]{64}", data.pop("digest"))
  assert data == {
    "name": "webvision_mini_train",
    "num_examples": 40,
    "num_classes": NUM_CLASSES,
    "class_names": [f"class {i}" for i in range(NUM_CLASSES)],
    "image_shape": [48, 48, 3],
    "measured_noise_rate": None,
    "noise": {"kind": "web", "measured_rate": None},
  }


def test_a_continued_run_equals_an_uninterrupted_one(folder, whole, tmp_path):
  with killed_at_the_next_checkpoint():
    run(folder, tmp_path)
  continued, text = run(folder, tmp_path)
  assert "continuing from step 10" in text
  for a, b in zip(state(whole[1].model), state(continued.model), strict=True):
    np.testing.assert_array_equal(a, b)
  metrics = (whole[0] / "metrics.csv").read_bytes()
  assert (tmp_path / "metrics.csv").read_bytes() == metrics


def test_checkpoints_are_evaluated_on_every_set(folder, whole, tmp_path):
  """Best and last, top-1 and top-5; what is known is not evaluated again."""
  place = whole[0]
  settings = settings_or_defaults(place)
  assert settings == SETTINGS
  lines = []

  def watch(names):
    sets = open_evaluation_data(
      parse_set_names(names, str(folder)), settings.images.crop
    )
    continuous.evaluate_checkpoints(
      open_run(place, num_classes=NUM_CLASSES),
      list(sets.values()),
      7,
      tmp_path,
      once=False,
      interval_seconds=0,
      print_line=lines.append,
      sleep=lambda _: pytest.fail("a finished run needs no waiting"),
    )

  watch(SETS[:1])
  assert [line.split()[2] for line in lines] == ["10", "20", "30"]
  watch(SETS)
  assert [line.split()[:3] for line in lines[3:]] == [
    ["imagenet_mini_val", "step", step] for step in ("10", "20", "30")
  ]
  watch(SETS)
  assert [line.split()[0] for line in lines[6:]] == [
    "webvision_mini_val",
    "imagenet_mini_val",
  ]
  assert lines[7] == lines[5]
  metrics = read_metrics(place)[-1]
  with (tmp_path / "eval.csv").open() as file:
    rows = list(csv.DictReader(file))
  assert len(rows) == 6
  for row in rows:
    if row["step"] == "30":
      for column in ("accuracy", "top5_accuracy", "loss"):
        expected = float(metrics[f"{row['data']}/{column}"])
        assert float(row[column]) == pytest.approx(expected, abs=1e-5)
  of_imagenet = [
    float(row["top5_accuracy"])
    for row in rows
    if row["data"] == "imagenet_mini_val"
  ]
  assert f"best {max(of_imagenet):.4f}" in lines[7].partition("top-5")[2]


def test_losses_of_streamed_images_are_dumped(folder, whole, tmp_path):
  data = open_data(folder, "webvision_mini", "val", SETTINGS.images.crop)
  continuous.dump_losses(open_run(whole[0]), data, 7, tmp_path / "losses.csv")
  rows = np.loadtxt(tmp_path / "losses.csv")
  np.testing.assert_array_equal(rows[:, 0], np.arange(1000, 1020))
  mean = float(read_metrics(whole[0])[-1]["webvision_mini_val/loss"])
  np.testing.assert_allclose(rows[:, 4].mean(), mean, rtol=1e-4)


def test_a_damaged_record_ends_the_run_with_its_name(folder, tmp_path):
  """At the very step of its batch; what was saved before stays."""
  write_records(tmp_path, count=40)
  shard = tmp_path / "webvision_mini_train-00001-of-00003"
  data = open_data(tmp_path, "webvision_mini", "train", SETTINGS.images.crop)
  batch = streaming.training_indices(2, 10, 40, SETTINGS.run.seed)
  index = next(i for i in batch if 14 <= i < 27)
  record = index - 14
  content = bytearray(shard.read_bytes())
  content[data.records.index.offsets[index] + 200] ^= 1
  shard.write_bytes(content)
  options = dataclasses.replace(OPTIONS, save_interval_steps=2)
  with pytest.raises(UserError) as caught:
    train.train_and_evaluate(
      SETTINGS,
      tmp_path / "run",
      open_data(tmp_path, "webvision_mini", "train", SETTINGS.images.crop),
      options=options,
      console=Console(file=io.StringIO()),
    )
  message = str(caught.value)
  assert message.startswith(f"{shard}: record {record}: expected a whole")
  assert message.endswith("training then continues from its last checkpoint")
  kept = checkpointing.latest_checkpoint(tmp_path / "run")
  assert kept.endswith("-2")


def test_a_damaged_record_ends_an_evaluation_with_its_name(tmp_path):
  write_records(tmp_path, count=20, num_shards=1, encoded=[b"no image"] * 20)
  data = open_data(tmp_path, "webvision_mini", "train", SETTINGS.images.crop)
  batches = dataset.EvaluationBatches(data, 10)
  with pytest.raises(UserError, match="record 0: expected a PNG or JPEG"):
    list(batches)


def test_failures_that_are_no_damage_stay_what_they_were():
  with (
    pytest.raises(tf.errors.ResourceExhaustedError),
    dataset.named_damage(lambda: None),
  ):
    raise tf.errors.ResourceExhaustedError(None, None, "out of memory")


def test_a_run_starts_from_the_weights_it_is_given_only_once(
  folder, tmp_path, monkeypatch
):
  """An interrupted run continues without the file."""
  options = []
  build = builders.build_student

  def note(name, num_classes, **given):
    options.append(given.pop("weights_path", None))
    return build(name, num_classes, **given)

  monkeypatch.setattr(builders, "build_student", note)
  settings = SETTINGS.changed(
    student_weights="start.h5",
    max_number_of_steps=2,
    curriculum="none",
    trained_mentornet_dir=None,
  )
  run(folder, tmp_path, settings, sets=None)
  run(folder, tmp_path, settings, sets=None)
  assert options == ["start.h5", None]
  assert read_run(tmp_path)["settings"]["student_weights"] == "start.h5"


def test_sets_of_other_classes_are_refused(folder, tmp_path):
  names = tuple("abcdefg")
  write_records(tmp_path, split="val", num_classes=7, class_names=names)
  sets = open_evaluation_data(
    parse_set_names(["webvision_mini:val"], str(tmp_path)), SETTINGS.images.crop
  )
  with pytest.raises(UserError, match="expected data of 6 classes"):
    train.train_and_evaluate(
      SETTINGS,
      tmp_path / "run",
      open_data(folder, "webvision_mini", "train", SETTINGS.images.crop),
      sets,
      console=Console(file=io.StringIO()),
    )


def test_large_sets_are_not_decoded_into_memory(folder, monkeypatch):
  monkeypatch.setattr(open, "_LARGEST_IN_MEMORY", 1000)
  with pytest.raises(UserError, match=r"^image_size: .* do not fit in memory"):
    open_data(folder, "webvision_mini", "train")


def test_the_bare_student_is_exported_as_a_keras_file(whole, tmp_path):
  export_student(whole[0], tmp_path / "bare", file_format="keras")
  bare = keras.saving.load_model(tmp_path / "bare" / "student.keras")
  images = np.random.default_rng(0).random((2, 48, 48, 3), np.float32)
  student = whole[1].model.student
  np.testing.assert_allclose(bare(images), student(images), rtol=1e-6)
