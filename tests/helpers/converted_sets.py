"""From the files of a data set to ranked labels, by the commands in process."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from command_modules import imported_command
from large_images import STUDENT

from mentornet_tf.analysis.ranking import COLUMNS, table_rows
from mentornet_tf.analysis.suspects import SuspectLabels
from mentornet_tf.datasets.reading.open import open_data
from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.datasets.records.verification import verify_records


def run_command(module: str, *arguments: object) -> None:
  """Runs a command's `main` with these flags."""
  with imported_command(module) as command:
    flags.FLAGS(["mentornet", *map(str, arguments)])
    command.main()


def train_evaluate_and_rank(
  folder: Path,
  records: Path,
  dataset_name: str,
  eval_split: str,
  source: Path | None = None,
) -> list[dict[str, str]]:
  """A few steps on converted records; returns the rows of the ranking.

  Each row names the file in `source` whose bytes its record holds.
  """
  run_command(
    "train_student",
    f"--data_dir={records}",
    f"--train_log_dir={folder / 'run'}",
    f"--dataset_name={dataset_name}",
    f"--studentnet={STUDENT}",
    "--trained_mentornet_dir=mentornet_pd",
    "--image_size=16",
    "--batch_size=6",
    "--max_number_of_steps=4",
    f"--eval_sets={dataset_name}:{eval_split}",
  )
  run_command(
    "eval_student",
    f"--data_dir={records}",
    f"--checkpoint_dir={folder / 'run'}",
    f"--eval_sets={dataset_name}:{eval_split}",
    "--once",
  )
  assert (folder / "run" / "eval" / "eval.csv").is_file()
  run_command(
    "rank_labels",
    f"--train_log_dir={folder / 'run'}",
    f"--data_dir={records}",
    f"--output_dir={folder / 'suspects'}",
  )
  (table,) = (folder / "suspects").glob("*.csv")
  with table.open(newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
  if source is not None:
    assert_paths_are_right(rows, records, dataset_name, source)
  return rows


def verify_and_rank(
  folder: Path,
  records: Path,
  dataset_name: str,
  eval_split: str,
  source: Path | None = None,
) -> list[dict[str, str]]:
  """The rows of `train_evaluate_and_rank`, by random scores instead.

  Verification decodes every image of both splits; only those of training are
  read in batches, too.
  """
  del folder  # nothing is written
  crop = Crop(size=16, shorter_side=18)
  for split in ("train", eval_split):
    found = verify_records(records, dataset_name, split)
    assert (found.problems, found.damaged_jpegs) == ((), ())
    opened = open_data(records, dataset_name, split, crop)
    assert found.num_records == len(opened) > 0
  data = open_data(records, dataset_name, "train", crop)
  batches = list(data.evaluation_batches(6).as_numpy_iterator())
  labels, clean_labels, ids = (
    np.concatenate([batch[name] for batch in batches])
    for name in ("label", "clean_label", "id")
  )
  rng = np.random.default_rng(0)
  suspects = SuspectLabels.from_arrays(
    labels,
    rng.dirichlet(np.ones(data.num_classes), len(data)),
    ids=ids,
    clean_labels=clean_labels,
    paths=data.paths(),
  )
  rows = [
    dict(zip(COLUMNS, map(str, row), strict=True))
    for row in table_rows(suspects, data.class_names)
  ]
  if source is not None:
    assert_paths_are_right(rows, records, dataset_name, source)
  return rows


# Sets of several layouts are trained on alike: Food-101N, whose test does
# without this, in every run of the tests, the others in the slow ones.
both_rankings = pytest.mark.parametrize(
  "rank",
  [
    pytest.param(verify_and_rank, id="verified"),
    pytest.param(train_evaluate_and_rank, id="trained", marks=pytest.mark.slow),
  ],
)


def assert_paths_are_right(rows, records, dataset_name, source) -> None:
  """Compares the records' images, found by id, with the files of the rows."""
  encoded = {}
  for shard in sorted(records.glob(f"{dataset_name}_train-*")):
    for raw in tf.data.TFRecordDataset(str(shard)).as_numpy_iterator():
      feature = tf.train.Example.FromString(raw).features.feature
      (id,) = feature["image/id"].int64_list.value
      (encoded[id],) = feature["image/encoded"].bytes_list.value
  assert rows
  for row in rows:
    assert (source / row["path"]).read_bytes() == encoded[int(row["id"])]
