r"""How near the estimated percentile comes to the share of clean labels.

Trains the quickstart's student on digits whose labels are noisy at several
rates, under MentorNet with an estimated and with a constant percentile:

  python benchmarks/auto_percentile.py --folder=auto_percentile

With --losses it trains nothing, but shows the losses of a file to an estimate:
an .npz with "loss" [steps, batch] in the order of training and "is_clean" of
the same shape.
"""

import io
from pathlib import Path

import numpy as np
from absl import app, flags
from rich.console import Console

from mentornet_tf.internal.tensorflow_startup import start_tensorflow

flags.DEFINE_string("folder", None, "Where records and runs are written.")
flags.DEFINE_string("losses", None, "Recorded losses to show to an estimate.")
flags.DEFINE_list("noise", ["0", "0.2", "0.4", "0.6"], "Noise rates.")
flags.DEFINE_integer("seed", 0, "Seed of noise, weights and data order.")

_SHARES = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)


def main(_) -> None:
  """Prints a table as Markdown."""
  flag = flags.FLAGS
  start_tensorflow()
  at = " | ".join(f"{100 * share:.0f} %" for share in _SHARES)
  print(f"| losses | share clean | {at} | accuracy: auto | 0.7 |")
  print("|---" * (4 + len(_SHARES)) + "|", flush=True)
  if flag.losses:
    with np.load(flag.losses) as file:
      loss, is_clean = file["loss"], file["is_clean"]
    print_row(Path(flag.losses).stem, is_clean.mean(), shown(loss), ())
  else:
    for rate in map(float, flag.noise):
      run_digits(Path(flag.folder), rate, flag.seed)


def shown(losses) -> list[float]:
  """The percentile in use at every step."""
  import tensorflow as tf

  from mentornet_tf.curricula.plain_curricula import UniformCurriculum

  curriculum = UniformCurriculum(loss_p_percentile="auto")
  weigh = tf.function(lambda loss: curriculum.weigh(loss, 0).percentile)
  return [float(weigh(tf.constant(each))) for each in losses]


def run_digits(folder, rate, seed) -> None:
  """Trains at a noise rate and prints a row."""
  from mentornet_tf.datasets.labels.label_noise import LabelNoise
  from mentornet_tf.datasets.records.schema import load_in_memory
  from mentornet_tf.datasets.writing.in_memory import (
    NoisyRecords,
    write_noisy_records,
  )
  from mentornet_tf.experiments import quickstart
  from mentornet_tf.runs.run_folder import read_metrics
  from mentornet_tf.settings import RunOptions
  from mentornet_tf.training.train import train_and_evaluate

  data_dir = folder / f"records_{rate:g}_{seed}"
  write_noisy_records(
    NoisyRecords(
      output_dir=data_dir,
      dataset_name="digits",
      noise=LabelNoise(kind="symmetric", rate=rate, seed=seed),
      max_train_examples=600,
    )
  )
  train_data = load_in_memory(data_dir, "digits", "train")
  is_clean = train_data.labels == train_data.clean_labels
  rows = {}
  for percentile in ("auto", 0.7):
    settings = quickstart._SETTINGS.changed(
      **quickstart._MENTORNET | {"loss_p_percentile": percentile, "seed": seed}
    )
    run = folder / f"run_{rate:g}_{percentile}_{seed}"
    train_and_evaluate(
      settings,
      run,
      train_data,
      load_in_memory(data_dir, "digits", "test"),
      RunOptions(eval_interval_steps=settings.run.log_interval_steps),
      Console(file=io.StringIO()),
    )
    rows[percentile] = read_metrics(run)
  print_row(
    f"digits, {100 * rate:.0f} % noise",
    is_clean.mean(),
    [float(row["loss_p_percentile"]) for row in rows["auto"]],
    [float(each[-1]["test_accuracy"]) for each in rows.values()],
  )


def print_row(name, share, estimates, accuracies) -> None:
  """Prints a row of the table."""
  at = [
    estimates[max(round(share * len(estimates)) - 1, 0)] for share in _SHARES
  ]
  cells = [f"{each:.2f}" for each in (share, *at)]
  cells += [f"{each:.3f}" for each in accuracies] or ["", ""]
  print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
  app.run(main)
