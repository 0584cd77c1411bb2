"""Joint training in whole runs: updates, resuming, the clean subset."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tiny
from quadrant_runs import OPTIONS, SETTINGS, killed_at_the_next_checkpoint, run

import mentornet_tf as mn
from mentornet_tf.analysis.report import write_report
from mentornet_tf.curricula.mentors import load_mentor
from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.datasets.reading.dataset import as_training_data
from mentornet_tf.runs import checkpointing
from mentornet_tf.runs.run_folder import read_metrics, read_run
from mentornet_tf.training import builders, running
from mentornet_tf.training.checkpoint_groups import variable_groups
from mentornet_tf.training.joint import loop_action
from mentornet_tf.training.joint.clean_subset import clean_subset
from mentornet_tf.training.joint.loop_action import updated_mentors
from mentornet_tf.training.joint.update import update_mentor

_JOINT = SETTINGS.changed(
  curriculum="mentornet",
  trained_mentornet_dir="mentornet_pd",
  update_mentor_at="0.34,0.6",
  clean_fraction=0.7,
  update_decision_threshold=0.7,
)


def values(model):
  groups = variable_groups(model)
  return [v.numpy() for v in checkpointing.variables_of(groups)]


def test_a_run_updates_its_mentor_and_continues_exactly(
  tmp_path, brief_updates
):
  """Updates at steps 8, where a checkpoint is due too, and 14."""
  whole, text = run(tmp_path / "whole", _JOINT)
  assert text.count("mentor updated at") == 2
  assert "step 8  mentor updated at 33 % of training: loss " in text
  assert list(updated_mentors(tmp_path / "whole")) == [8, 14]
  data = read_run(tmp_path / "whole")["data"]
  assert data["clean_subset"]["num_examples"] == 42

  with killed_at_the_next_checkpoint():
    run(tmp_path / "parts", _JOINT)
  assert checkpointing.latest_checkpoint(tmp_path / "parts").endswith("-8")
  continued, text = run(tmp_path / "parts", _JOINT)
  assert "continuing from step 8" in text
  for a, b in zip(values(whole.model), values(continued.model), strict=True):
    np.testing.assert_array_equal(a, b)
  first, second = updated_mentors(tmp_path / "parts").values()
  expected = continued.model.curriculum.mentor.get_weights()
  for a, b in zip(load_mentor(second).get_weights(), expected, strict=True):
    np.testing.assert_array_equal(a, b)
  start = load_mentor(tmp_path / "parts" / "mentor.keras").get_weights()
  changed = [
    (a != b).any()
    for a, b in zip(load_mentor(first).get_weights(), start, strict=True)
  ]
  assert any(changed)


@pytest.mark.slow
def test_a_run_killed_in_an_update_repeats_it(tmp_path, monkeypatch):
  whole, _ = run(tmp_path / "whole", _JOINT)

  def update_and_die(*arguments):
    update_mentor(*arguments)
    raise RuntimeError("killed")

  def run_into_an_update():
    with monkeypatch.context() as patched:
      patched.setattr(loop_action, "update_mentor", update_and_die)
      with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "parts", _JOINT)
    return list(updated_mentors(tmp_path / "parts"))

  assert run_into_an_update() == []
  with killed_at_the_next_checkpoint():
    run(tmp_path / "parts", _JOINT)
  assert run_into_an_update() == [8]
  continued, text = run(tmp_path / "parts", _JOINT)
  assert "continuing from step 8" in text
  for a, b in zip(values(whole.model), values(continued.model), strict=True):
    np.testing.assert_array_equal(a, b)
  assert list(updated_mentors(tmp_path / "parts")) == [8, 14]


@pytest.mark.slow
def test_mentormix_with_updates_continues_exactly(tmp_path):
  """The averages of the mixture and of the weights are restored, too."""
  settings = _JOINT.changed(
    curriculum="mentormix",
    example_dropout_rates="0.0,100",
    ema_decay=0.9,
    weigh_by_average=True,
  )
  whole, text = run(tmp_path / "whole", settings)
  assert text.count("mentor updated at") == 2
  with killed_at_the_next_checkpoint():
    run(tmp_path / "parts", settings)
  continued, text = run(tmp_path / "parts", settings)
  assert "continuing from step 8" in text
  for a, b in zip(values(whole.model), values(continued.model), strict=True):
    np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_run_of_a_version_without_decisions_continues_without(tmp_path):
  chances = _JOINT.changed(update_decision_threshold=0.0)
  with killed_at_the_next_checkpoint():
    run(tmp_path, chances)
  path = tmp_path / "run.json"
  stored = json.loads(path.read_text())
  del stored["settings"]["update_decision_threshold"]
  del stored["settings"]["weigh_by_average"]
  path.write_text(json.dumps(stored))
  with pytest.raises(mn.UserError, match=r"update_decision_threshold.*0\.7"):
    run(tmp_path, _JOINT)
  _, text = run(tmp_path, chances)
  assert "continuing from step 8" in text


@pytest.mark.slow
def test_the_report_shows_the_curriculum_before_and_after(tmp_path):
  run(tmp_path / "joint", _JOINT)
  write_report([tmp_path / "joint"], tmp_path / "report.html")
  page = (tmp_path / "report.html").read_text()
  assert "curriculum before and after its updates" in page
  for step in (8, 14):
    assert f"Weights by loss and loss difference, step {step}." in page


@pytest.mark.slow
def test_a_mentor_from_scratch_weighs_nothing_before_its_first_update(tmp_path):
  settings = _JOINT.changed(
    trained_mentornet_dir="scratch",
    log_interval_steps=1,
    example_dropout_rates="0.0,100",
  )
  run(tmp_path, settings)
  used = [float(row["data_util/batch_sum_v"]) for row in read_metrics(tmp_path)]
  assert used[:8] == [10.0] * 8
  # 33 % begins at step 8, before the update; 37 % after it.
  assert used[8] == 10
  assert used[9] < 10


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"clean_fraction": 0.0}, "either `clean_data_dir` or a"),
    ({"curriculum": "self_paced"}, "with a mentor to update.* got Formula"),
    ({"curriculum": "oracle"}, "with a mentor to update.* got Oracle"),
    ({"update_mentor_at": ""}, "expected `update_mentor_at` beside a clean"),
    ({"update_mentor_at": "0.001"}, "updates at different steps of the 24"),
    ({"update_decision_threshold": 1.0}, r"range \[0, 1\), got 1.0"),
    ({"weigh_by_average": True}, "an optimizer that averages the weights, got"),
    (
      {
        "curriculum": "oracle",
        "update_mentor_at": "",
        "clean_fraction": 0.0,
        "weigh_by_average": True,
      },
      "a curriculum that weighs by losses, got OracleCurriculum",
    ),
    (
      {
        "update_mentor_at": "0.995",
        "trained_mentornet_dir": "scratch",
        "max_number_of_steps": 1000,
      },
      "first update of 'scratch' within the first 99 % of training, got it at "
      "99.5 %",
    ),
    (
      {"update_mentor_at": "", "trained_mentornet_dir": "scratch"},
      "expected 'scratch'.*together with `update_mentor_at`",
    ),
  ],
)
def test_mistakes_leave_no_folder_behind(tmp_path, changes, message):
  with pytest.raises(mn.UserError, match=message):
    run(tmp_path / "run", _JOINT.changed(**changes))
  assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("total_steps", [24, 103, 999])
def test_a_fresh_mentor_is_not_used_before_its_first_update(total_steps):
  settings = _JOINT.changed(
    trained_mentornet_dir="scratch",
    update_mentor_at="0.21",
    max_number_of_steps=total_steps,
  )
  curriculum = builders.build_curriculum(settings)
  updated = builders.build_updates(settings).steps(total_steps)[0]
  losses = np.linspace(0, 9, 10, dtype=np.float32)
  for epoch in {training_percent(step, total_steps) for step in range(updated)}:
    weights = curriculum.weights_without_update(losses, epoch).numpy()
    np.testing.assert_array_equal(weights, np.ones(10))


def test_a_run_that_diverges_right_after_an_update_keeps_it(
  tmp_path, brief_updates
):
  """The copy of the last good state is taken after the update."""
  settings = _JOINT.changed(update_mentor_at="0.5", learning_rate=0.05)
  options = dataclasses.replace(
    OPTIONS, save_interval_steps=None, save_interval_secs=1e9
  )
  models = []
  observed = running.observed_step

  def observed_until_13(model, *arguments, **named):
    step = observed(model, *arguments, **named)
    models.append(model)

    def poison(batch):
      report = step(batch)
      done = model.optimizer.iterations.value
      report["total_loss"] = tf.where(done > 13, np.nan, report["total_loss"])
      return report

    return poison

  with pytest.MonkeyPatch.context() as patched:
    patched.setattr(running, "observed_step", observed_until_13)
    with pytest.raises(mn.UserError, match="training diverged"):
      run(tmp_path, settings, options)
  newest = checkpointing.latest_checkpoint(tmp_path)
  assert newest.endswith("-12")
  curriculum = models[0].curriculum
  checkpointing.restore(newest, {"curriculum": curriculum.variables})
  expected = load_mentor(updated_mentors(tmp_path)[12]).get_weights()
  for a, b in zip(curriculum.mentor.get_weights(), expected, strict=True):
    np.testing.assert_array_equal(a, b)


def in_memory(data):
  return as_training_data(data, _JOINT.augmentation)


def subset_of(train_data, clean_data, fraction, seed=0):
  return clean_subset(
    train_data, clean_data, clean_fraction=fraction, seed=seed
  ).data


def test_mistakes_with_the_subset_are_refused():
  data = tiny.dataset()
  train_data = in_memory(data)
  right = data.take(np.flatnonzero(data.labels == data.clean_labels))
  for subset, message in (
    (
      dataclasses.replace(data, clean_labels=np.full(60, -1)),
      "expected known clean labels in quadrants_train, got none",
    ),
    (
      dataclasses.replace(data, class_names=tuple("abce")),
      "of the training images in their order, got 'e' as class 3, which is 'd'",
    ),
    (
      dataclasses.replace(data, images=data.images[:, :16]),
      "expected images of 32x32x3 as for training, got 16x32x3",
    ),
    (right, "expected both clean and noisy labels"),
  ):
    with pytest.raises(mn.UserError, match=message):
      subset_of(train_data, in_memory(subset), 0.0)
  with pytest.raises(mn.UserError, match="got both"):
    subset_of(train_data, in_memory(data), 0.7)
  assert subset_of(train_data, in_memory(data), 0.0).dataset is data


def test_only_known_clean_labels_are_used():
  data = tiny.dataset()
  clean_labels = np.where(np.arange(60) % 3 == 0, data.clean_labels, -1)
  partly = dataclasses.replace(data, clean_labels=clean_labels)
  subset = subset_of(in_memory(partly), None, 1.0)
  assert subset.dataset.ids.tolist() == list(range(0, 60, 3))
  subset = subset_of(in_memory(data), in_memory(partly), 0.0)
  assert subset.dataset.ids.tolist() == list(range(0, 60, 3))
  subset = subset_of(in_memory(partly), None, 0.5)
  assert len(subset) == 10
  assert set(subset.dataset.ids) < set(range(0, 60, 3))


@pytest.mark.slow
def test_a_run_on_partly_checked_labels_says_so(tmp_path):
  data = tiny.dataset()
  clean_labels = np.where(np.arange(60) < 40, data.clean_labels, -1)
  wrong = np.mean(data.labels[:40] != data.clean_labels[:40])
  summary = {"noise": {"kind": "none", "unknown_true_labels": 20}}
  partly = dataclasses.replace(data, clean_labels=clean_labels, summary=summary)
  _, text = run(tmp_path, _JOINT, train_data=partly)
  words = f"{100 * wrong:.1f} % of the checked labels noisy"
  assert words in text
  write_report([tmp_path], tmp_path / "report.html")
  assert words in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_a_run_learns_from_other_images(tmp_path):
  settings = _JOINT.changed(clean_fraction=0.0)
  _, text = run(
    tmp_path, settings, clean_data=tiny.dataset(50, noise=0.5, seed=7)
  )
  assert text.count("mentor updated at") == 2
  assert read_run(tmp_path)["data"]["clean_subset"]["num_examples"] == 50


def test_a_share_of_the_training_images_is_drawn_by_the_seed():
  data = as_training_data(tiny.dataset())
  subset, again = (subset_of(data, None, 0.7).dataset for _ in range(2))
  assert len(subset) == 42
  np.testing.assert_array_equal(subset.ids, again.ids)
  np.testing.assert_array_equal(subset.labels, data.dataset.labels[subset.ids])
  other = subset_of(data, None, 0.7, seed=1).dataset
  assert set(other.ids) != set(subset.ids)
