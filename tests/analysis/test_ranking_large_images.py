"""Labels of streamed images are ranked as evaluation sees the images."""

import csv
import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
import tiny
from large_images import NUM_CLASSES, STUDENT, images, jpeg, write_records
from PIL import Image
from program_runs import run_program
from rich.console import Console

import mentornet_tf as mn
from mentornet_tf.analysis import contact_sheet, label_scores, written_ranking
from mentornet_tf.datasets.reading.dataset import EvaluationBatches
from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.errors import UserError
from mentornet_tf.runs import checkpointing
from mentornet_tf.runs.trained_run import open_run
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training import train
from mentornet_tf.training.progress import ShownBatches

SETTINGS = TrainingSettings.of(
  dataset_name="webvision_mini",
  studentnet=STUDENT,
  trained_mentornet_dir="mentornet_pd",
  curriculum="mentornet",
  batch_size=8,
  max_number_of_steps=40,
  learning_rate=0.02,
  example_dropout_rates="0.0,100",
  image_size=48,
  resize_shorter_side=52,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """Folders of records and of a run on them with two checkpoints."""
  folder = tmp_path_factory.mktemp("large")
  write_records(folder / "records", count=30)
  train.train_and_evaluate(
    SETTINGS,
    folder / "run",
    opened(folder / "records"),
    options=train.RunOptions(save_interval_steps=20),
    console=Console(file=io.StringIO()),
  )
  return folder / "records", folder / "run"


def opened(folder, **changes):
  settings = SETTINGS.changed(**changes)
  return open_data(folder, "webvision_mini", "train", settings.images.crop)


def rank(run, data, **options) -> label_scores.SuspectLabels:
  options.setdefault("print_line", lambda _: None)
  return label_scores.suspect_labels(run, data, **options)


def test_means_are_those_of_evaluation(trained):
  records, run_folder = trained
  suspects = rank(run_folder, opened(records))
  assert suspects.steps == (20, 40)
  run = open_run(run_folder)
  (batch,) = opened(records).evaluation_batches(30)
  logs = []
  for prefix in checkpointing.kept_checkpoints(run_folder):
    run.load(prefix)
    logs.append(tf.nn.log_softmax(run.student(batch["image"])).numpy())
  labels = np.arange(30) % NUM_CLASSES
  np.testing.assert_array_equal(suspects.ids, 1000 + np.arange(30))
  np.testing.assert_array_equal(suspects.labels, labels)
  np.testing.assert_array_equal(suspects.clean_labels, np.full(30, -1))
  np.testing.assert_allclose(
    suspects.mean_loss,
    -np.mean(logs, axis=0)[np.arange(30), labels],
    rtol=1e-4,
    atol=1e-5,
  )
  np.testing.assert_allclose(
    suspects.pred_probs, np.mean(np.exp(logs), axis=0), atol=1e-5
  )
  assert np.ptp(suspects.mean_weight) > 0.1
  in_sevens = rank(run_folder, opened(records), batch_size=7)
  np.testing.assert_allclose(in_sevens.mean_loss, suspects.mean_loss, rtol=1e-5)


def test_pixels_are_what_evaluation_sees_in_the_order_asked_for(trained):
  data = opened(trained[0])
  (batch,) = data.evaluation_batches(30)
  positions = np.array([29, 3, 17, 0, *range(5, 25)])
  pixels = data.pixels(positions)
  assert (pixels.shape, pixels.dtype) == ((24, 48, 48, 3), np.uint8)
  expected = (batch["image"].numpy()[positions] + 1) * 127.5
  assert np.abs(pixels - expected).max() < 0.501
  assert data.class_names[5] == "class 5"


def test_large_images_are_reduced_for_the_sheet_and_small_ones_are_not():
  grey = np.full((2, 300, 150, 3), [[[[90]]], [[[200]]]], np.uint8)
  shown = contact_sheet.reduced(grey)
  assert shown.dtype == np.uint8
  np.testing.assert_array_equal(shown, grey[:, :128, :64])
  stripes = np.zeros((1, 256, 256, 3), np.uint8)
  stripes[:, ::2] = 254
  inside = contact_sheet.reduced(stripes)[:, 2:-2]
  np.testing.assert_array_equal(inside, np.full_like(inside, 127))
  small = tiny.dataset().images
  assert contact_sheet.reduced(small) is small


def test_the_program_ranks_streamed_labels_as_the_library_does(trained):
  records, run = trained
  result = run_program(
    "rank_labels.py",
    f"--data_dir={records}",
    f"--train_log_dir={run}",
    "--num_images=9",
  )
  assert (result.returncode, result.stderr) == (0, ""), result.stderr
  folder = run / "suspect_labels"
  suspects = rank(run, opened(records))
  with (folder / "suspect_labels.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
  order = suspects.order
  assert [int(row["id"]) for row in rows] == suspects.ids[order].tolist()
  assert [row["given_class"] for row in rows] == [
    f"class {label}" for label in suspects.labels[order]
  ]
  assert [float(row["mean_loss"]) for row in rows] == pytest.approx(
    suspects.mean_loss[order], rel=1e-4
  )
  metrics = written_ranking.read_ranking_metrics(folder)
  assert metrics["data"] == "webvision_mini_train"
  assert metrics["num_examples"] == 30 and metrics["quality"] is None
  assert min(Image.open(folder / "contact_sheet.png").size) > 300


def test_the_ranking_is_evaluated_by_clean_labels_of_records(trained, tmp_path):
  write_records(tmp_path / "clean", count=12, clean=True)
  suspects = mn.rank_labels(
    trained[1], tmp_path / "clean", print_line=lambda _: None
  )
  assert suspects.quality()["num_known"] == 12
  assert suspects.quality()["num_wrong"] == 0


def test_large_images_go_in_the_runs_batches(trained, monkeypatch):
  sizes = []
  batches = label_scores.EvaluationBatches

  def recorded(data, batch_size):
    sizes.append(batch_size)
    return batches(data, batch_size)

  monkeypatch.setattr(label_scores, "EvaluationBatches", recorded)
  rank(trained[1], opened(trained[0]), checkpoints=1)
  rank(trained[1], opened(trained[0]), checkpoints=1, batch_size=5)
  assert sizes == [8, 5]


def test_a_bar_tells_how_far_a_ranking_is(trained):
  text = io.StringIO()
  console = Console(file=text, force_terminal=True, width=100)
  batches = EvaluationBatches(opened(trained[0]), 8)
  shown = ShownBatches(batches, "ranking", console)
  for _ in range(2):
    ids = np.concatenate([batch["id"] for batch in shown])
    np.testing.assert_array_equal(ids, 1000 + np.arange(30))
  bars = text.getvalue().split("\x1b[?25l")[1:]  # each hides the cursor first
  assert len(bars) == 2 and len(batches) == 4
  for bar in bars:
    assert bar.index("ranking") < bar.index("0/4") < bar.index("4/4")
  silent = io.StringIO()
  assert len(list(ShownBatches(batches, "ranking", Console(file=silent)))) == 4
  assert silent.getvalue() == ""


def test_data_prepared_otherwise_are_refused(trained):
  records, run = trained
  with pytest.raises(UserError, match=r"size 48 and .*side 52.* got small ima"):
    rank(run, dataclasses.replace(tiny.dataset(), num_classes=NUM_CLASSES))
  with pytest.raises(UserError, match=r"got .* and resize_shorter_side 60"):
    rank(run, opened(records, resize_shorter_side=60))
  # How training squares are cut is nothing to evaluation.
  rank(run, opened(records, train_crop="resized"), checkpoints=1)


def test_a_damaged_record_is_named_and_nothing_is_written(trained, tmp_path):
  encoded = [jpeg(image) for image in images(12)]
  encoded[7] = b"no image"
  write_records(tmp_path / "broken", encoded=encoded, num_shards=3)
  with pytest.raises(UserError, match=r"-of-00003: record \d+: ") as caught:
    mn.rank_labels(
      trained[1],
      tmp_path / "broken",
      output_dir=tmp_path / "out",
      print_line=lambda _: None,
    )
  assert "\n" not in str(caught.value)
  assert not list((tmp_path / "out").iterdir())
