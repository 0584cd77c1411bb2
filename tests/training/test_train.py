import contextlib
import dataclasses
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from quadrant_runs import OPTIONS, SETTINGS, killed_at_the_next_checkpoint, run

from mentornet_tf.errors import UserError
from mentornet_tf.internal import stop_signals
from mentornet_tf.internal.folder_lock import locked
from mentornet_tf.runs import checkpointing
from mentornet_tf.runs.run_folder import read_metrics, read_run
from mentornet_tf.training import loop, train
from mentornet_tf.training.checkpoint_groups import variable_groups

# What the original called its summaries.
_ORIGINAL_TAGS = {
  "mentornet/orig_loss",
  "mentornet/weighted_loss",
  "mentornet/total_loss",
  "total_loss",
  "learning_rate",
  "data_util/data_util",
  "data_util/batch_sum_v",
  "debug/percentile_loss",
  "debug/dropout_rate",
  "debug/epoch_step",
  "debug/loss_moving_percentile",
}


def state(model) -> list[np.ndarray]:
  groups = variable_groups(model)
  return [v.numpy() for v in checkpointing.variables_of(groups)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """An uninterrupted run: its folder and result."""
  place = tmp_path_factory.mktemp("whole")
  options = dataclasses.replace(OPTIONS, record_losses=True)
  return place, run(place, options=options)[0]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
  """A run killed at its first checkpoint; tests copy its folder."""
  place = tmp_path_factory.mktemp("killed")
  with killed_at_the_next_checkpoint():
    run(place)
  return place


def assert_same_run(whole, folder, result):
  """The same weights and metrics as those of the uninterrupted run."""
  place, expected = whole
  for a, b in zip(state(expected.model), state(result.model), strict=True):
    np.testing.assert_array_equal(a, b)
  metrics = (place / "metrics.csv").read_bytes()
  assert (folder / "metrics.csv").read_bytes() == metrics


def test_a_run_learns_and_leaves_everything_behind(tmp_path):
  settings = SETTINGS.changed(
    max_number_of_steps=120, augment=False, curriculum="mentornet_pd"
  )
  result, text = run(tmp_path, settings)
  assert result.finished and result.step == 120
  rows = read_metrics(tmp_path)
  assert [int(row["step"]) for row in rows] == list(range(4, 124, 4))
  evaluated = [row for row in rows if row["test_accuracy"]]
  assert [int(r["step"]) for r in evaluated] == list(range(12, 132, 12))
  assert float(rows[-1]["test_accuracy"]) > 0.9
  assert float(rows[-1]["weight_auc"]) > 0.7
  for name in ("label_precision", "label_recall", "data_util/data_util"):
    assert 0 < float(rows[-1][name]) <= 1
  assert read_run(tmp_path)["data"]["num_examples"] == 60
  assert "step 120/120" in text and "steps/s" in text and "left" in text
  assert checkpointing.latest_checkpoint(tmp_path).endswith("-120")
  (events,) = tmp_path.glob("events.*")
  tags = {
    value.tag
    for event in tf.compat.v1.train.summary_iterator(str(events))
    for value in event.summary.value
  }
  assert tags >= _ORIGINAL_TAGS | {"mentornet/weight", "test_accuracy"}


def test_a_continued_run_equals_an_uninterrupted_one(whole, killed, tmp_path):
  place = tmp_path / "lr[0.1]*"  # brackets are no pattern of names
  shutil.copytree(killed, place)
  continued, text = run(place)
  assert "continuing from step 8" in text
  assert continued.finished
  assert_same_run(whole, place, continued)
  again, text = run(place)
  assert "already finished at step 24" in text
  assert_same_run(whole, place, again)


def test_other_images_of_the_same_count_are_refused(whole):
  data = tiny.dataset()
  images = data.images.copy()
  images[7, 0, 0, 0] ^= 1
  data = dataclasses.replace(data, images=images)
  with pytest.raises(
    UserError, match="other images, labels or ids in the data"
  ):
    run(whole[0], train_data=data)


def test_a_folder_in_which_another_process_trains_is_refused(tmp_path):
  with (
    locked(tmp_path, "train"),
    pytest.raises(UserError, match="expected no other process to train here"),
  ):
    run(tmp_path)
  assert not list(tmp_path.iterdir())


def test_a_stop_between_two_rows_changes_nothing(whole, tmp_path, monkeypatch):
  """The interval of metrics that the stop cuts in two is written whole."""
  options = dataclasses.replace(OPTIONS, save_interval_steps=None)
  calls = []

  def stop_after_five_calls(*_):
    return contextlib.nullcontext(lambda: calls.append(0) or len(calls) > 5)

  with monkeypatch.context() as patched:
    patched.setattr(stop_signals, "stop_on_signals", stop_after_five_calls)
    stopped, text = run(tmp_path, options=options)
  assert stopped.step % SETTINGS.run.log_interval_steps
  assert f"stopped at step {stopped.step}" in text
  continued, _ = run(tmp_path, options=options)
  assert_same_run(whole, tmp_path, continued)


def test_recorded_losses_are_those_of_every_step(whole, tmp_path, monkeypatch):
  rows = np.loadtxt(whole[0] / "losses.csv")
  assert rows.shape == (24 * 10, 9)
  data = tiny.dataset()
  ids = rows[:, 0].astype(int)
  np.testing.assert_array_equal(
    rows[:, 1], np.arange(24).repeat(10) * 100 // 24
  )
  np.testing.assert_array_equal(rows[:, 2], data.labels[ids])
  np.testing.assert_array_equal(rows[:, 3], data.clean_labels[ids])
  means = rows[:, 4].reshape(6, -1).mean(1)
  logged = [float(row["mentornet/orig_loss"]) for row in read_metrics(whole[0])]
  np.testing.assert_allclose(means, logged, rtol=1e-4)

  # A continued run cuts off what its checkpoint has not seen.
  save = checkpointing.CheckpointStore.save

  def die(store, step):
    if step == 16:
      raise RuntimeError("killed")
    save(store, step)

  options = dataclasses.replace(OPTIONS, record_losses=True)
  with monkeypatch.context() as patched:
    patched.setattr(checkpointing.CheckpointStore, "save", die)
    with pytest.raises(RuntimeError):
      run(tmp_path, options=options, eval_data=None)
  run(tmp_path, options=options, eval_data=None)
  text = (whole[0] / "losses.csv").read_text()
  assert (tmp_path / "losses.csv").read_text() == text


def test_recording_losses_has_to_start_with_the_run(killed, tmp_path):
  shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
  options = dataclasses.replace(OPTIONS, record_losses=True)
  with pytest.raises(UserError, match="expected the 80 losses of the steps"):
    run(tmp_path, options=options)
  assert not list(tmp_path.glob("losses*"))


def test_the_same_seed_gives_the_same_weights(whole, tmp_path):
  again, _ = run(tmp_path / "b", eval_data=None)
  other, _ = run(tmp_path / "c", SETTINGS.changed(seed=1), eval_data=None)
  weights = [
    result.model.student.get_weights() for result in (whole[1], again, other)
  ]
  for a, b in zip(weights[0], weights[1], strict=True):
    np.testing.assert_array_equal(a, b)
  assert any(
    (a != c).any() for a, c in zip(weights[0], weights[2], strict=True)
  )


def test_other_settings_in_the_same_folder_are_refused(whole):
  with pytest.raises(UserError, match=r"settings\.seed was 0, now 1"):
    run(whole[0], SETTINGS.changed(seed=1))


@pytest.mark.parametrize(("rate", "step"), [(1e38, 0), (3.0, 8)])
def test_divergence_stops_the_run_and_keeps_the_last_good_step(
  tmp_path, monkeypatch, rate, step
):
  """From the start, and from a step in the midst of a run."""
  if step:
    spoil_losses_after(monkeypatch, step + 1)
  settings = SETTINGS.changed(
    learning_rate=rate, curriculum="none", max_number_of_steps=50
  )
  with pytest.raises(UserError, match="training diverged") as caught:
    run(tmp_path, settings, train.RunOptions(steps_per_call=3))
  assert "lower learning rate" in str(caught.value)
  kept = checkpointing.latest_checkpoint(tmp_path)
  assert kept.endswith(f"model.ckpt-{step}") and kept in str(caught.value)
  student = tiny.student(4)
  checkpointing.restore(kept, {"student": student.variables})
  assert checkpointing.all_finite(student.variables)
  assert all(int(row["step"]) <= step for row in read_metrics(tmp_path))


def spoil_losses_after(monkeypatch, step):
  """Puts NaN among the losses once the run has come to `step`."""
  run_loop = loop.run_loop

  def spoiling(runner, actions, **kwargs):
    taken = []

    def spoiled(count):
      taken.append(count)
      reports = runner(count)
      if sum(taken) >= step:
        reports["total_loss"][-1] = np.nan
      return reports

    return run_loop(spoiled, actions, **kwargs)

  monkeypatch.setattr(loop, "run_loop", spoiling)


def test_batches_larger_than_the_data_are_refused(tmp_path):
  message = "at most the 60 training images, got 61; choose a smaller one"
  with pytest.raises(UserError, match=message):
    run(tmp_path, SETTINGS.changed(batch_size=61))


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"curriculum": "self_pased"}, "self_pased"),
    ({"studentnet": "resnet99"}, "resnet99"),
    (
      {"curriculum": "mentornet", "trained_mentornet_dir": "no/such"},
      "no/such",
    ),
  ],
)
def test_unknown_names_are_refused(tmp_path, changes, message):
  with pytest.raises(UserError, match=message):
    run(tmp_path / "run", SETTINGS.changed(**changes))
  assert not (tmp_path / "run").exists()


def test_bfloat16_trains_with_float32_weights_and_losses(tmp_path):
  settings = SETTINGS.changed(mixed_precision="mixed_bfloat16")
  result, _ = run(tmp_path, settings)
  assert keras.config.dtype_policy().name == "float32"
  model = result.model
  assert model.student.compute_dtype == "bfloat16"
  assert {v.dtype for v in model.student.trainable_variables} == {"float32"}
  assert model.curriculum.loss_moving_average.dtype == "float32"
  assert np.isfinite(float(read_metrics(tmp_path)[-1]["test_loss"]))


def test_every_curriculum_trains(tmp_path):
  choices = {
    "none": {},
    "threshold": {},
    "focal_loss": {"vstar_gamma": 3.0},
  }
  for curriculum, more in choices.items():
    settings = SETTINGS.changed(
      curriculum=curriculum, max_number_of_steps=4, **more
    )
    result, _ = run(tmp_path / curriculum, settings, eval_data=None)
    assert result.finished


def test_data_without_clean_labels_has_no_weight_quality(tmp_path):
  data = dataclasses.replace(
    tiny.dataset(), clean_labels=np.full(60, -1, np.int64)
  )
  settings = SETTINGS.changed(max_number_of_steps=4)
  run(tmp_path / "run", settings, train_data=data, eval_data=None)
  assert "weight_auc" not in read_metrics(tmp_path / "run")[0]
  options = dataclasses.replace(OPTIONS, record_losses=True)
  with pytest.raises(UserError, match="expected data whose clean labels"):
    run(tmp_path / "other", train_data=data, options=options)


def test_a_run_keeps_its_mentor(tmp_path, golden):
  mentor = tmp_path / "mentor"
  shutil.copytree(golden.folder / "mentor_self_paced", mentor)
  settings = SETTINGS.changed(
    curriculum="mentornet",
    trained_mentornet_dir=str(mentor),
    max_number_of_steps=4,
  )
  short = dataclasses.replace(OPTIONS, steps_per_call=1)
  first, _ = run(tmp_path / "run", settings, short, eval_data=None)
  assert first.finished
  shutil.rmtree(mentor)
  again, text = run(tmp_path / "run", settings, short, eval_data=None)
  assert "already finished" in text
  features = np.random.default_rng(0).random((8, 4), np.float32)
  np.testing.assert_array_equal(
    first.model.curriculum.mentor(features),
    again.model.curriculum.mentor(features),
  )


@pytest.mark.parametrize("named", [False, True])
def test_evaluation_on_classes_of_another_order_is_refused(tmp_path, named):
  other = dataclasses.replace(tiny.dataset(), class_names=tuple("acbd"))
  with pytest.raises(UserError, match="got 'c' as class 1, which is 'b' there"):
    train.train_and_evaluate(
      SETTINGS,
      tmp_path / "run",
      tiny.dataset(),
      {"quadrants:val": other} if named else other,
    )
  assert not (tmp_path / "run").exists()
