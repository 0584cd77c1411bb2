import csv
import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tiny
from PIL import Image
from rich.console import Console

import mentornet_tf as mn
from mentornet_tf.analysis import label_scores, ranking
from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.reading.in_memory import evaluation_batches
from mentornet_tf.datasets.writing.in_memory import (
  NoisyRecords,
  write_noisy_records,
)
from mentornet_tf.errors import UserError
from mentornet_tf.runs import checkpointing
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training import train

_TESTS = Path(__file__).resolve().parents[1]
_SETTINGS = TrainingSettings.of(
  dataset_name="quadrants",
  studentnet=tiny.STUDENT,
  curriculum="mentornet_pd",
  batch_size=10,
  max_number_of_steps=120,
  log_interval_steps=20,
  learning_rate=0.05,
  augment=False,
  example_dropout_rates="0.2,100",
)
_STEPS = (40, 60, 80, 100, 120)


def trained(folder, **changes) -> Path:
  train.train_and_evaluate(
    _SETTINGS.changed(**changes),
    folder,
    tiny.dataset(),
    options=train.RunOptions(save_interval_steps=20),
    console=Console(file=io.StringIO()),
  )
  return folder


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory) -> Path:
  return trained(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def suspects(run_folder) -> label_scores.SuspectLabels:
  return rank(run_folder)


def rank(folder, data=None, **options) -> label_scores.SuspectLabels:
  options.setdefault("print_line", lambda _: None)
  return label_scores.suspect_labels(folder, data or tiny.dataset(), **options)


def by_hand(**changes) -> label_scores.SuspectLabels:
  """Four labels, of which those with the ids 11 and 13 are noisy."""
  values = {
    "ids": np.array([10, 11, 12, 13]),
    "labels": np.array([0, 1, 0, 1]),
    "clean_labels": np.array([0, 0, 0, 0]),
    "pred_probs": np.array([[0.9, 0.1], [0.7, 0.3], [0.6, 0.4], [0.2, 0.8]]),
    "mean_loss": np.array([0.1, 1.2, 1.5, 0.3]),
    "mean_weight": np.array([1.0, 0.001, 0.004, 0.5]),
    "steps": (7,),
  }
  return label_scores.SuspectLabels(**values | changes)


def test_means_are_those_of_the_checkpoints(run_folder, suspects):
  data = tiny.dataset()
  images = next(iter(evaluation_batches(data, 60)))["image"]
  student = tiny.student(4)
  losses, probabilities, weights = [], [], []
  for step in _STEPS:
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
  assert suspects.steps == _STEPS
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


def test_the_files_hold_the_ranking(tmp_path, suspects):
  data = dataclasses.replace(
    tiny.dataset(), class_names=("a", "b,$c$", "$", "d→")
  )
  ranking.write_suspect_labels(suspects, data, tmp_path / "new", 10)
  folder = tmp_path / "new"
  with (folder / "suspect_labels.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
  assert tuple(rows[0]) == ranking.COLUMNS
  assert [int(row["rank"]) for row in rows] == list(range(1, 61))
  for row, i in zip(rows, suspects.order, strict=True):
    given, predicted = suspects.labels[i], suspects.predicted_labels[i]
    assert int(row["id"]) == suspects.ids[i]
    assert int(row["given_label"]) == given
    assert int(row["predicted_label"]) == predicted
    assert row["given_class"] == data.class_names[given]
    assert row["predicted_class"] == data.class_names[predicted]
    for column, value in {
      "given_probability": suspects.pred_probs[i, given],
      "predicted_probability": suspects.pred_probs[i, predicted],
      "mean_loss": suspects.mean_loss[i],
      "mean_weight": suspects.mean_weight[i],
      "score": suspects.mean_loss[i],
    }.items():
      assert float(row[column]) == pytest.approx(value, rel=1e-5, abs=1e-9)
  with np.load(folder / "pred_probs.npz", allow_pickle=False) as arrays:
    np.testing.assert_array_equal(arrays["labels"], suspects.labels)
    np.testing.assert_array_equal(arrays["pred_probs"], suspects.pred_probs)
    np.testing.assert_array_equal(arrays["ids"], suspects.ids)
  metrics = ranking.read_ranking_metrics(folder)
  assert metrics["quality"] == suspects.quality()
  assert metrics["checkpoint_steps"] == list(_STEPS)
  for picture in ("contact_sheet.png", "weight_against_loss.png"):
    assert min(Image.open(folder / picture).size) > 300
  assert len(list(folder.iterdir())) == 5
  assert (
    ranking.read_suspect_table(folder / "suspect_labels.csv", 3) == rows[:3]
  )


def test_without_known_clean_labels_there_is_no_weight_picture(tmp_path):
  suspects = by_hand(clean_labels=np.full(4, -1))
  data = dataclasses.replace(
    tiny.dataset(4),
    labels=suspects.labels,
    clean_labels=suspects.clean_labels,
  )
  ranking.write_suspect_labels(suspects, data, tmp_path)
  assert not (tmp_path / "weight_against_loss.png").exists()
  assert ranking.read_ranking_metrics(tmp_path)["quality"] is None
  assert ranking.describe(suspects) == [
    "1 of 4 labels differ from the predicted class"
  ]


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
    ({"rank_by": "weihgt"}, "rank_by: expected loss or weight, got 'weihgt'"),
    ({"checkpoints": 0}, "checkpoints: expected at least 1, got 0"),
    ({"checkpoints": 6}, "checkpoints: expected at most 5, .* got 6"),
    ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
    (
      {"data": dataclasses.replace(tiny.dataset(), num_classes=7)},
      "data of 4 classes.* got data of 7",
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


def test_outputs_that_cannot_be_written_are_refused(run_folder, tmp_path):
  (tmp_path / "file").write_text("in the way")
  with pytest.raises(UserError, match=r"file: expected a folder .* be created"):
    mn.rank_labels(run_folder, "ignored", output_dir=tmp_path / "file")
  with pytest.raises(UserError, match="num_images: expected at least 1, got 0"):
    mn.rank_labels(run_folder, "ignored", num_images=0)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("nonsense", "expected JSON written by a ranking of labels"),
    ("[]", "expected JSON written by a ranking of labels"),
    ('{"data": "x"}', "checkpoint_steps, num_disagreeing"),
  ],
)
def test_metrics_of_something_else_are_refused(tmp_path, text, message):
  (tmp_path / "metrics.json").write_text(text)
  with pytest.raises(UserError, match=message):
    ranking.read_ranking_metrics(tmp_path)


def program(name, *flags, cwd) -> subprocess.CompletedProcess:
  return subprocess.run(
    [sys.executable, _TESTS.parent / "bin" / name, *map(str, flags)],
    cwd=cwd,
    env=os.environ | {"PYTHONPATH": str(_TESTS / "helpers")},
    capture_output=True,
    text=True,
    timeout=120,
  )


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> tuple[Path, Path]:
  """A folder of records and one of a short run on them."""
  folder = tmp_path_factory.mktemp("digits")
  write_noisy_records(
    NoisyRecords(folder, noise=LabelNoise(kind="symmetric", rate=0.4, seed=0))
  )
  result = program(
    "train_student.py",
    f"--data_dir={folder}",
    "--train_log_dir=run",
    "--dataset_name=digits",
    f"--studentnet={tiny.STUDENT}",
    "--curriculum=self_paced",
    "--batch_size=32",
    "--max_number_of_steps=60",
    "--learning_rate=0.05",
    cwd=folder,
  )
  assert result.returncode == 0, result.stderr
  return folder, folder / "run"


def test_the_program_ranks_and_says_how_well(digits):
  data_dir, run = digits
  arguments = (f"--train_log_dir={run}", f"--data_dir={data_dir}")
  result = program("rank_labels.py", *arguments, cwd=data_dir)
  assert result.returncode == 0, result.stderr
  assert result.stderr == ""
  assert (
    "507 of 1442 labels with a known clean label are noisy" in result.stdout
  )
  assert "ranked by loss: AUROC 0." in result.stdout
  metrics = ranking.read_ranking_metrics(run / "suspect_labels")
  assert metrics["quality"]["num_wrong"] == 507
  assert metrics["quality"]["by_loss"]["roc_auc"] > 0.7

  lines = []
  suspects = mn.rank_labels(
    run, data_dir, rank_by="weight", print_line=lines.append
  )
  assert len(suspects.ids) == 1442 and lines[0].startswith("step 60  loss ")
  with pytest.raises(UserError, match="digits_val-"):
    mn.rank_labels(run, data_dir, split="val")


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    ([], "--data_dir"),
    (["--train_log_dir=a", "--data_dir=b", "--rank_by=size"], "loss|weight"),
    (["--train_log_dir=a", "--data_dir=b", "--checkpoints=0"], "--checkpoints"),
    (["--train_log_dir=a", "--data_dir=b", "--num_images=900"], "[1, 400]"),
    (["--train_log_dir=a", "--data_dir=b"], "a: expected a training folder"),
  ],
)
def test_mistakes_are_one_line(tmp_path, flags, message):
  result = program("rank_labels.py", *flags, cwd=tmp_path)
  assert result.returncode == 1
  assert message in result.stderr
  assert result.stderr.startswith("error: ")
  assert len(result.stderr.splitlines()) == 1
  assert list(tmp_path.iterdir()) == []
