"""How suspect labels are, by hand and over a run's checkpoints."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tiny
from ranked_runs import STEPS, by_hand, rank, trained

import mentornet_tf as mn
from mentornet_tf.datasets.reading.in_memory import evaluation_batches
from mentornet_tf.errors import UserError
from mentornet_tf.runs import checkpointing


def test_means_are_those_of_the_checkpoints(run_folder, suspects):
  data = tiny.dataset()
  images = next(iter(evaluation_batches(data, 60)))["image"]
  student = tiny.student(4)
  losses, probabilities, weights = [], [], []
  for step in STEPS:
    prefix = str(run_folder / f"model.ckpt-{step}")
    checkpointing.restore(prefix, {"student": student.variables})
    log = tf.nn.log_softmax(student(images)).numpy().astype(float)
    loss = -log[np.arange(60), data.labels]
    reader = tf.train.load_checkpoint(prefix)
    (name,) = (
      n
      for n in reader.get_variable_to_shape_map()
      if n.startswith("curriculum/000-") and "average" in n
    )
    epoch = min(100 * step // 120, 99)
    features = np.stack(
      [
        loss,
        loss - reader.get_tensor(name),
        np.zeros(60),
        np.full(60, epoch),
      ],
      axis=1,
    )
    losses.append(loss)
    probabilities.append(np.exp(log))
    weights.append(mn.target_weights("mentornet_pd", features))
  assert suspects.steps == STEPS
  np.testing.assert_array_equal(suspects.ids, data.ids)
  np.testing.assert_allclose(suspects.mean_loss, np.mean(losses, 0), rtol=1e-4)
  np.testing.assert_allclose(
    suspects.pred_probs, np.mean(probabilities, 0), atol=1e-5
  )
  np.testing.assert_allclose(suspects.pred_probs.sum(1), 1, atol=1e-12)
  np.testing.assert_allclose(
    suspects.mean_weight, np.mean(weights, 0), atol=1e-4
  )
  assert 0 < suspects.mean_weight.min() < 0.9 or suspects.mean_weight.min() == 0


def test_fewer_checkpoints_are_the_last_ones(run_folder):
  assert rank(run_folder, checkpoints=2).steps == (100, 120)


def test_noisy_labels_come_first(suspects):
  quality = suspects.quality()
  assert quality["num_known"] == 60
  is_noisy = suspects.labels != suspects.clean_labels
  assert quality["num_wrong"] == is_noisy.sum() > 5
  assert quality["by_loss"]["roc_auc"] > 0.9
  assert quality["by_weight"]["roc_auc"] > 0.85
  assert quality["suggestion_accuracy"] > 0.8


def test_the_order_is_by_score_then_loss_then_id(suspects):
  suspects = dataclasses.replace(suspects, rank_by="weight")
  keys = list(
    zip(
      -suspects.score[suspects.order],
      -suspects.mean_loss[suspects.order],
      suspects.ids[suspects.order],
      strict=True,
    )
  )
  assert keys == sorted(keys)
  assert sorted(suspects.order) == list(range(60))


def test_quality_equals_a_calculation_by_hand():
  suspects = by_hand()
  np.testing.assert_array_equal(suspects.predicted_labels, [0, 0, 0, 1])
  np.testing.assert_array_equal(suspects.ids[suspects.order], [12, 11, 13, 10])
  # Weights 0.001 and 0.004 count as equal: the loss decides.
  by_weight = dataclasses.replace(suspects, rank_by="weight")
  np.testing.assert_array_equal(by_weight.score, [0, 1, 1, 0.5])
  np.testing.assert_array_equal(
    by_weight.ids[by_weight.order], [12, 11, 13, 10]
  )
  found = {
    # Of four pairs of a noisy and a clean label, two are in order.
    "roc_auc": 0.5,
    "average_precision": (1 / 2 + 2 / 3) / 2,
    "precision_at_num_wrong": 0.5,
  }
  assert suspects.quality() == {
    "num_known": 4,
    "num_wrong": 2,
    "suggestion_accuracy": 0.5,
    "by_loss": pytest.approx(found),
    "by_weight": pytest.approx(found),
    # By 1 − p = .1, .7, .4, .2, three of the four pairs are.
    "by_self_confidence": pytest.approx(
      {
        "roc_auc": 0.75,
        "average_precision": (1 + 2 / 3) / 2,
        "precision_at_num_wrong": 0.5,
      }
    ),
  }


def test_labels_without_a_known_clean_label_do_not_count():
  some = by_hand(clean_labels=np.array([0, 0, -1, 0])).quality()
  assert some["num_known"] == 3
  assert some["by_loss"]["roc_auc"] == 1
  assert by_hand(clean_labels=np.full(4, -1)).quality() is None
  clean = by_hand(clean_labels=np.array([0, 1, 0, 1])).quality()
  assert clean["num_wrong"] == 0
  assert clean["suggestion_accuracy"] is None
  assert set(clean["by_loss"].values()) == {None}


def test_the_baseline_ranks_by_loss(tmp_path):
  folder = trained(tmp_path, curriculum="none", max_number_of_steps=20)
  suspects = rank(folder, rank_by="weight")
  assert set(suspects.mean_weight) == {1.0}
  np.testing.assert_array_equal(suspects.order, np.argsort(-suspects.mean_loss))
  quality = suspects.quality()
  assert quality["by_weight"] == quality["by_loss"]


def test_weights_are_1_in_burn_in(tmp_path):
  folder = trained(tmp_path, burn_in_epoch=99, max_number_of_steps=20)
  assert set(rank(folder, checkpoints=1).mean_weight) != {1.0}  # epoch 99
  shorter = json.loads((folder / "run.json").read_text())
  shorter["settings"]["max_number_of_steps"] = 40
  (folder / "run.json").write_text(json.dumps(shorter))
  assert set(rank(folder, checkpoints=1).mean_weight) == {1.0}  # epoch 50


def test_a_damaged_checkpoint_is_skipped(run_folder, tmp_path):
  folder = tmp_path / "run"
  shutil.copytree(run_folder, folder)
  (data,) = folder.glob("model.ckpt-100.data*")
  data.write_bytes(b"")
  lines = []
  assert rank(folder, print_line=lines.append).steps == (40, 60, 80, 120)
  assert sum("model.ckpt-100" in line for line in lines) == 1
  for data in folder.glob("model.ckpt-*.data*"):
    data.write_bytes(b"")
  with pytest.raises(UserError, match=r"model\.ckpt-120"):
    rank(folder)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (
      {"rank_by": "weihgt"},
      "rank_by: expected one of loss, .* got 'weihgt'",
    ),
    ({"checkpoints": 0}, "checkpoints: expected at least 1, got 0"),
    ({"checkpoints": 6}, "checkpoints: expected at most 5, .* got 6"),
    ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
    (
      {"data": dataclasses.replace(tiny.dataset(), num_classes=7)},
      "data of 4 classes.* got data of 7",
    ),
    (
      {"data": dataclasses.replace(tiny.dataset(), class_names=tuple("abdc"))},
      "got 'd' as class 2, which is 'c' there",
    ),
  ],
)
def test_arguments_that_do_not_fit_are_refused(run_folder, options, message):
  with pytest.raises(UserError, match=message):
    rank(run_folder, **options)


def test_folders_that_hold_no_run_are_refused(run_folder, tmp_path):
  with pytest.raises(
    UserError, match=r"none: expected a training folder .* got no such"
  ):
    rank(tmp_path / "none")
  with pytest.raises(UserError, match=r"with run\.json, got a folder without"):
    rank(tmp_path)
  (tmp_path / "run.json").write_text("{}")
  with pytest.raises(UserError, match="got none with the part 'settings'"):
    rank(tmp_path)
  (tmp_path / "run.json").write_text('{"settings": {"speed": 3}, "data": {}}')
  with pytest.raises(UserError, match=r"got something else .*'speed'"):
    rank(tmp_path)
  shutil.copy(run_folder / "run.json", tmp_path)
  with pytest.raises(UserError, match="with a checkpoint, got none"):
    rank(tmp_path)


def test_labels_known_to_be_wrong_are_noisy_and_cannot_be_corrected():
  suspects = by_hand(clean_labels=np.array([0, -2, 0, -2]))
  quality = suspects.quality()
  assert quality == by_hand().quality() | {"suggestion_accuracy": None}
  one_known = by_hand(clean_labels=np.array([0, 0, 0, -2])).quality()
  assert one_known["num_wrong"] == 2
  assert one_known["suggestion_accuracy"] == 1
