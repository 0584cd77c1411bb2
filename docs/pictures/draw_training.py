#!/usr/bin/env python3
"""Draws a baseline and a mentored run side by side while they train, as a GIF.

  mentornet convert-cifar --dataset_name=digits --noise=symmetric \
      --noise_rate=0.4 --max_train_examples=600 --output_dir=records/digits600
  mentornet train --data_dir=records/digits600 \
      --eval_data_dir=records/digits600 --dataset_name=digits \
      --studentnet=inception --noaugment --batch_size=32 \
      --max_number_of_steps=900 --num_epochs_per_decay=40 \
      --log_interval_steps=15 --eval_interval_steps=15 --record_losses \
      --train_log_dir=runs/baseline
  … the same with --trained_mentornet_dir=mentornet_pd --loss_p_percentile=0.6 \
      --example_dropout_rates=0.0,100 --train_log_dir=runs/mentornet
  docs/pictures/draw_training.py runs/baseline runs/mentornet \
      docs/pictures/training.gif

Each run needs test_accuracy in metrics.csv, and losses.csv.
"""

import io
import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from mentornet_tf.analysis.comparison import RunSummary, summarize_run
from mentornet_tf.mentor_training.loss_dump import (
  FILE_NAME,
  LossDump,
  read_loss_dump,
)

_GRAY, _BLUE, _ORANGE = "#777777", "#0072B2", "#D55E00"
_BINS = np.linspace(0, 8, 33)
_MILLISECONDS, _MILLISECONDS_AT_THE_END = 90, 4000
_COLORS_OF_THE_FILE = 48


def main() -> None:
  """Draws the runs that the command line names."""
  baseline, mentored, output = map(Path, sys.argv[1:])
  runs = [
    (summarize_run(name, path), read_loss_dump(path / FILE_NAME), color)
    for name, path, color in (
      ("plain training", baseline, _GRAY),
      ("with a mentor", mentored, _BLUE),
    )
  ]
  steps = [step for step, _ in runs[0][0].columns["test_accuracy"]]
  frames = [_frame(runs, step, steps[-1]) for step in steps]
  palette = frames[-1].quantize(_COLORS_OF_THE_FILE)
  first, *others = [frame.quantize(palette=palette) for frame in frames]
  durations = [_MILLISECONDS] * len(frames)
  durations[-1] = _MILLISECONDS_AT_THE_END
  first.save(
    output, save_all=True, append_images=others, duration=durations, loop=0
  )


def _frame(
  runs: list[tuple[RunSummary, LossDump, str]], step: int, last_step: int
) -> Image.Image:
  """The picture at a step: accuracies so far, and the losses at that time."""
  figure = Figure(figsize=(8, 3.6), dpi=100, layout="constrained")
  grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1))
  axes = figure.add_subplot(grid[:, 0])
  for summary, _, color in runs:
    so_far = [p for p in summary.columns["test_accuracy"] if p[0] <= step]
    axes.plot(*zip(*so_far, strict=True), color=color, linewidth=2)
    axes.plot(*so_far[-1], "o", color=color, label=summary.name)
  axes.set(
    xlim=(0, 1.03 * last_step),
    ylim=(0.5, 1.0),
    xlabel="training step",
    title="accuracy on clean test images",
  )
  axes.grid(alpha=0.25)
  axes.legend(loc="lower right", frameon=False)
  for row, (summary, losses, color) in enumerate(runs):
    _draw_losses(
      figure.add_subplot(grid[row, 1]),
      losses,
      100 * step / last_step,
      f"{summary.name}: losses of the training labels",
      color,
    )
  buffer = io.BytesIO()
  figure.savefig(buffer, format="png")
  return Image.open(buffer).convert("RGB")


def _draw_losses(
  axes: Axes, losses: LossDump, percent: float, title: str, color: str
) -> None:
  """The latest loss of each example, by whether its label is clean."""
  order = np.argsort(losses.epoch, kind="stable")[::-1]  # latest visits first
  order = order[losses.epoch[order] <= percent]
  _, first = np.unique(losses.example_id[order], return_index=True)
  rows = order[first]
  clean = losses.noisy_label[rows] == losses.clean_label[rows]
  values = np.minimum(losses.loss[rows], _BINS[-1])
  axes.hist(
    [values[clean], values[~clean]],
    _BINS,
    stacked=True,
    color=[_BLUE, _ORANGE],
    label=["clean", "noisy"],
  )
  axes.set(ylim=(0, 120), yticks=[])
  axes.set_xticks([0, 2, 4, 6, 8], ["0", "2", "4", "6", "8 and more"])
  axes.set_title(title, color=color, fontsize=10)
  axes.legend(loc="upper center", frameon=False, fontsize=9)


if __name__ == "__main__":
  main()
