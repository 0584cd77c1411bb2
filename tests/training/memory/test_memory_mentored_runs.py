"""Runs whose mentor sees what they remember: exact resume, and refusals."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
from memory_references import memory_mentor
from quadrant_runs import SETTINGS, killed_at_the_next_checkpoint, run

import mentornet_tf as mn
from mentornet_tf.analysis.label_scores import suspect_labels
from mentornet_tf.errors import UserError
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


def test_the_mentor_sees_what_the_run_writes_down(trained):
  folder, model = trained
  assert type(model.curriculum) is mn.MemoryCurriculum
  on_device, on_disk = model.memory.examples, mn.TrainingMemory.load(folder)
  np.testing.assert_array_equal(on_device.visits, [_STEPS * 10 // 60] * 60)
  np.testing.assert_array_equal(on_device.labels, tiny.dataset().labels)
  for name in ("mean_loss", "mean_weight", "probabilities", "agreement"):
    np.testing.assert_allclose(
      getattr(on_device, name), getattr(on_disk, name), rtol=1e-4, atol=1e-6
    )
  assert np.ptp(on_disk.mean_weight) > 0.1


def test_a_continued_run_equals_an_uninterrupted_one(
  settings, trained, tmp_path, monkeypatch
):
  with killed_at_the_next_checkpoint(monkeypatch):
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


def test_checkpoints_do_not_tell_these_weights(trained):
  with pytest.raises(UserError, match="rank it by that, with `source=memory`"):
    suspect_labels(trained[0], tiny.dataset())
