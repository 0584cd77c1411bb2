"""From the files of a data set to ranked labels, by the commands in process."""

import csv
from pathlib import Path

import tensorflow as tf
from absl import flags
from command_modules import imported_command
from large_images import STUDENT


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
