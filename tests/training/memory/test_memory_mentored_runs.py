"""Runs whose mentor sees what they remember: exact resume, and refusals."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
import tiny
from memory_references import memory_mentor
from quadrant_runs import SETTINGS, killed_at_the_next_checkpoint, run

import mentornet_tf as mn
from mentornet_tf.analysis import run_ranking
from mentornet_tf.analysis.label_scores import suspect_labels
from mentornet_tf.datasets.reading.dataset import as_training_data
from mentornet_tf.datasets.reading.in_memory import evaluation_batches
from mentornet_tf.errors import UserError
from mentornet_tf.runs import checkpointing
from mentornet_tf.training import builders

# 60 images in batches of 10: one pass takes 6 steps.
_STEPS = 24


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
  path = tmp_path_factory.mktemp("mentors") / "memory.keras"
  memory_mentor().save(path)
  return SETTINGS.changed(
    curriculum="mentornet", trained_mentornet_dir=str(path)
  )


@pytest.fixture(scope="module")
def trained(settings, tmp_path_factory):
  """A run, its folder and its model."""
  folder = tmp_path_factory.mktemp("runs") / "run"
  result, _ = run(folder, settings)
  return folder, result.model


def checkpoint(folder):
  """The bytes of every variable in the last checkpoint."""
  reader = tf.train.load_checkpoint(str(folder / f"model.ckpt-{_STEPS}"))
  return {
    name: reader.get_tensor(name).tobytes()
    for name in reader.get_variable_to_shape_map()
    if not name.startswith(("save_counter", "_CHECKPOINTABLE"))
  }


def assert_remembers_alike(on_device, on_disk):
  for name in ("mean_loss", "mean_weight", "probabilities", "agreement"):
    np.testing.assert_allclose(
      getattr(on_device, name), getattr(on_disk, name), rtol=1e-4, atol=1e-6
    )
  assert np.ptp(on_disk.mean_weight) > 0.1


def test_the_mentor_sees_what_the_run_writes_down(trained):
  folder, model = trained
  assert type(model.curriculum) is mn.MemoryCurriculum
  on_device, on_disk = model.memory.examples, mn.TrainingMemory.load(folder)
  np.testing.assert_array_equal(on_device.visits, [_STEPS * 10 // 60] * 60)
  np.testing.assert_array_equal(on_device.labels, tiny.dataset().labels)
  assert_remembers_alike(on_device, on_disk)


def test_a_run_in_bfloat16_remembers_in_float32(settings, tmp_path):
  result, _ = run(tmp_path, settings.changed(mixed_precision="mixed_bfloat16"))
  model = result.model
  assert model.student.compute_dtype == "bfloat16"
  assert {v.dtype for v in model.memory.variables} == {"float32"}
  assert_remembers_alike(
    model.memory.examples, mn.TrainingMemory.load(tmp_path)
  )


def test_a_continued_run_equals_an_uninterrupted_one(
  settings, trained, tmp_path
):
  with killed_at_the_next_checkpoint():
    run(tmp_path, settings)
  _, text = run(tmp_path, settings)
  assert "continuing from step 8" in text
  folder, _ = trained
  whole, parts = checkpoint(folder), checkpoint(tmp_path)
  assert "memory/000-sums/.ATTRIBUTES/VARIABLE_VALUE" in whole
  assert whole == parts
  assert (folder / "metrics.csv").read_bytes() == (
    tmp_path / "metrics.csv"
  ).read_bytes()


@pytest.mark.parametrize(
  "changes",
  [
    {"curriculum": "mentormix", "second_reweight": False},
    {"weigh_by_average": True, "ema_decay": 0.9, "refine_labels": True},
  ],
  ids=["mentormix", "refined"],
)
def test_every_kind_of_model_is_built_with_its_memory(settings, changes):
  model = builders.build_model(settings.changed(**changes), tiny.dataset())
  assert type(model.curriculum) is mn.MemoryCurriculum
  memory = model.memory
  assert (memory.num_examples, memory.num_classes) == (60, 4)


def test_mixed_examples_are_not_weighed_again(settings, tmp_path):
  with pytest.raises(UserError, match=r"^second_reweight: expected False"):
    run(tmp_path / "run", settings.changed(curriculum="mentormix"))
  assert not (tmp_path / "run").exists()


def test_too_many_examples_for_the_device_are_refused(
  settings, tmp_path, monkeypatch
):
  monkeypatch.setattr(builders, "MOST_VALUES", 239)
  with pytest.raises(
    UserError, match=r"^trained_mentornet_dir: .*60 images of 4 classes"
  ):
    run(tmp_path / "run", settings)
  assert not (tmp_path / "run").exists()


@pytest.fixture
def records(monkeypatch):
  """Makes any folder of records hold the data of the runs."""
  data = as_training_data(tiny.dataset())
  monkeypatch.setattr(run_ranking, "open_data", lambda *_, **__: data)


def test_checkpoints_rank_labels_without_these_weights(trained, records):
  folder, lines = trained[0], []
  # The memory has too few visits to be taken by itself.
  suspects = mn.rank_labels(folder, "r", print_line=lines.append)
  assert suspects.source == "checkpoints" and suspects.rank_by == "loss"
  assert "ranking by checkpoints" in lines[0]
  assert lines[1].startswith("note: the mentor of this run sees what training")
  np.testing.assert_array_equal(suspects.mean_weight, np.ones(60))
  data = tiny.dataset()
  images = next(iter(evaluation_batches(data, 60)))["image"]
  student, losses = tiny.student(4), []
  for step in suspects.steps:
    prefix = str(folder / f"model.ckpt-{step}")
    checkpointing.restore(prefix, {"student": student.variables})
    log = tf.nn.log_softmax(student(images)).numpy().astype(float)
    losses.append(-log[np.arange(60), data.labels])
  assert suspects.steps[-1] == _STEPS
  np.testing.assert_allclose(suspects.mean_loss, np.mean(losses, 0), rtol=1e-4)


def test_the_memory_ranks_labels_with_these_weights(trained, records):
  suspects = mn.rank_labels(
    trained[0], "r", source="memory", rank_by="weight", print_line=str
  )
  weights = trained[1].memory.examples.mean_weight
  np.testing.assert_allclose(suspects.mean_weight, weights, rtol=1e-4)
  assert np.ptp(suspects.score) > 0.1


def test_no_ranking_by_weights_that_checkpoints_do_not_tell(trained, tmp_path):
  folder = tmp_path / "run"
  shutil.copytree(trained[0], folder)
  message = r"^rank_by: expected loss or self_confidence for the checkpoints of"
  options = {"rank_by": "weight", "print_line": str}
  with pytest.raises(UserError, match=message + r".*or with `source=memory`$"):
    suspect_labels(folder, tiny.dataset(), **options)
  shutil.rmtree(folder / "training_memory")
  with pytest.raises(UserError, match=message + r".*; rank by one of them$"):
    suspect_labels(folder, tiny.dataset(), **options)
