"""A small-scale demonstration: a baseline and a MentorNet on noisy digits."""

import os

from rich.console import Console

from mentornet_tf.analysis import plots
from mentornet_tf.analysis.comparison import comparison_table, summarize_run
from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.reading.in_memory import evaluation_batches
from mentornet_tf.datasets.records.schema import load_in_memory
from mentornet_tf.datasets.writing.in_memory import (
  NoisyRecords,
  write_noisy_records,
)
from mentornet_tf.evaluation.evaluator import Evaluator
from mentornet_tf.internal import atomic_files
from mentornet_tf.settings import RunOptions, TrainingSettings
from mentornet_tf.training.train import train_and_evaluate

# So few that a network without a mentor memorizes the noisy labels.
_NUM_DIGITS = 600
# Digits must not be flipped or cropped.
_SETTINGS = TrainingSettings.of(
  dataset_name="digits",
  studentnet="inception",
  batch_size=32,
  max_number_of_steps=900,
  num_epochs_per_decay=40,
  augment=False,
  log_interval_steps=45,
)
_MENTORNET = {
  "curriculum": "mentornet",
  "trained_mentornet_dir": "mentornet_pd",
  "loss_p_percentile": 0.6,
  "example_dropout_rates": "0.0,100",
}


def run_quickstart(
  folder: str | os.PathLike,
  *,
  noise_rate: float = 0.4,
  max_number_of_steps: int = _SETTINGS.run.max_number_of_steps,
  seed: int = 0,
  console: Console | None = None,
) -> str:
  """Trains both students, draws the pictures and returns the table.

  Called again with the same arguments, it continues where it was interrupted.

  Args:
    folder: where the records, both training folders, `table.md`,
      `learning_curves.png` and `weight_against_loss.png` are written.
    noise_rate: rate of the symmetric label noise, 0..1.
    max_number_of_steps: length of each training.
    seed: seed of noise, weights and data order.
    console: where progress is printed.

  Returns:
    The table as Markdown; empty if a training was asked to stop.
  """
  folder = atomic_files.creatable_folder(folder)
  console = console or Console(highlight=False, markup=False, soft_wrap=True)
  data_dir = folder / f"records_noise_{noise_rate:g}_seed_{seed}"
  write_noisy_records(
    NoisyRecords(
      output_dir=data_dir,
      dataset_name="digits",
      noise=LabelNoise(kind="symmetric", rate=noise_rate, seed=seed),
      max_train_examples=_NUM_DIGITS,
    )
  )
  train_data = load_in_memory(data_dir, "digits", "train")
  test_data = load_in_memory(data_dir, "digits", "test")
  common = _SETTINGS.changed(max_number_of_steps=max_number_of_steps, seed=seed)
  runs = {
    "baseline": common,
    "MentorNet": common.changed(**_MENTORNET),
  }
  for name, settings in runs.items():
    console.print(f"\n{name}: training on {len(train_data)} digits")
    result = train_and_evaluate(
      settings,
      folder / name.lower(),
      train_data,
      test_data,
      RunOptions(eval_interval_steps=_SETTINGS.run.log_interval_steps),
      console,
    )
    if not result.finished:
      return ""

  examples = Evaluator(
    result.model.student, evaluation_batches(train_data, 500)
  ).per_example()
  plots.plot_weight_against_loss(
    examples["loss"],
    result.model.curriculum.weights_without_update(
      examples["loss"], epoch=99
    ).numpy(),
    examples["label"] == examples["clean_label"],
    folder / "weight_against_loss.png",
  )
  summaries = [summarize_run(name, folder / name.lower()) for name in runs]
  plots.plot_learning_curves(summaries, folder / "learning_curves.png")
  table = comparison_table(summaries)
  atomic_files.write_bytes(folder / "table.md", f"{table}\n".encode())
  return table
