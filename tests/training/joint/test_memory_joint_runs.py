"""Runs that update a mentor which sees what they remember."""

import numpy as np
import pytest
import tiny
from memory_references import memory_mentor
from quadrant_runs import SETTINGS, killed_at_the_next_checkpoint, run

import mentornet_tf as mn
from mentornet_tf.runs import checkpointing
from mentornet_tf.training.checkpoint_groups import variable_groups
from mentornet_tf.training.joint.loop_action import updated_mentors


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
  path = tmp_path_factory.mktemp("mentors") / "memory.keras"
  memory_mentor().save(path)
  return SETTINGS.changed(
    curriculum="mentornet",
    max_number_of_steps=12,
    trained_mentornet_dir=str(path),
    update_mentor_at="0.8",
    update_decision_threshold=0.0,
    clean_fraction=1.0,
  )


def values(model):
  groups = variable_groups(model)
  return [v.numpy() for v in checkpointing.variables_of(groups)]


def test_an_updated_mentor_continues_exactly_and_is_exported(
  settings, tmp_path, brief_updates
):
  whole, text = run(tmp_path / "whole", settings)
  assert "step 10  mentor updated at 83 % of training: loss " in text
  with killed_at_the_next_checkpoint():
    run(tmp_path / "parts", settings)
  parts, text = run(tmp_path / "parts", settings)
  assert "continuing from step 8" in text
  for a, b in zip(values(whole.model), values(parts.model), strict=True):
    np.testing.assert_array_equal(a, b)

  mn.export_mentor(tmp_path / "whole", tmp_path / "m", file_format="keras")
  files = [*updated_mentors(tmp_path / "whole").values()]
  files.append(tmp_path / "m" / "mentor.keras")
  mentor = whole.model.curriculum.mentor
  for loaded in map(mn.load_mentor, files):
    assert isinstance(loaded, mn.MemoryMentor)
    for a, b in zip(loaded.weights, mentor.weights, strict=True):
      np.testing.assert_array_equal(a.numpy(), b.numpy())
  first = memory_mentor()
  assert (first.hidden_kernel.numpy() != mentor.hidden_kernel.numpy()).any()


def test_images_that_training_does_not_remember_are_refused(settings, tmp_path):
  with pytest.raises(mn.UserError) as caught:
    run(
      tmp_path / "run",
      settings.changed(clean_fraction=0.0),
      clean_data=tiny.dataset(50, noise=0.5, seed=7),
    )
  assert str(caught.value).startswith("clean_data_dir: expected none beside a")
  assert "\n" not in str(caught.value)
  assert not (tmp_path / "run").exists()
