"""Pictures of training runs.

`draw_…` returns a figure, for `save_figure` or `png_bytes`; `plot_…` writes it.
"""

import os
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mentornet_tf.analysis.comparison import RunSummary
from mentornet_tf.analysis.weight_history import WeightHistory
from mentornet_tf.internal.figures import save_figure

# Distinguishable with all common forms of color vision (Okabe and Ito).
_COLORS = ("#999999", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
_CLEAN, _NOISY = "#0072B2", "#D55E00"
# Kind of label -> its column of metrics.csv, and its color.
_WEIGHTS_OF_LABELS = {
  "clean label": ("clean_weight", _CLEAN),
  "noisy label": ("noisy_weight", _NOISY),
}
_WEIGHT_COLUMNS = 4
# Colors of the titles on a contact sheet, and what they mean.
_VERDICTS = {
  "found": ("#0072B2", "mislabeled, suggestion correct"),
  "missed": ("#CC79A7", "mislabeled, suggestion incorrect"),
  "known_wrong": ("#009E73", "mislabeled, clean label not known"),
  "kept": ("#D55E00", "clean label"),
  "unknown": ("#000000", "clean label not known"),
}
_SHEET_COLUMNS = 8
_LONGEST_NAME = 22


def plot_learning_curves(
  runs: Sequence[RunSummary], path: str | os.PathLike
) -> None:
  """Writes the picture of `draw_learning_curves`."""
  save_figure(draw_learning_curves(runs), path)


def draw_learning_curves(runs: Sequence[RunSummary]) -> Figure:
  """Test accuracy over training steps, a curve per run that measured it."""
  return draw_metric_curves(runs, {"test_accuracy": "test accuracy"})


def draw_metric_curves(
  runs: Sequence[RunSummary], metrics: Mapping[str, str]
) -> Figure:
  """Metrics over training steps, a panel per metric and a curve per run.

  Args:
    runs: a run has no curve for a metric that it never measured.
    metrics: metric name -> label of its axis.
  """
  figure = _figure(7 if len(metrics) == 1 else 5 * len(metrics), 4)
  panels = figure.subplots(1, len(metrics), squeeze=False)[0]
  for axes, (metric, label) in zip(panels, metrics.items(), strict=True):
    ends = []
    for i, run in enumerate(runs):
      if not run.columns.get(metric):
        continue
      steps, values = zip(*run.columns[metric], strict=True)
      color = _COLORS[i % len(_COLORS)]
      axes.plot(steps, values, "o-", color=color, markersize=3)
      ends.append((steps[-1], values[-1], run.name, color))
    _name_ends(axes, ends)
    axes.set_xlabel("training step")
    axes.set_ylabel(label)
    axes.margins(x=0.0)
    axes.grid(alpha=0.25)
  return figure


def _name_ends(
  axes: Axes, ends: Sequence[tuple[float, float, str, str]]
) -> None:
  """Writes every curve's name and last value at its end, without overlap."""
  low, high = axes.get_ylim()
  line = (high - low) / 22
  height = -np.inf
  for step, value, name, color in sorted(ends, key=lambda end: end[1]):
    height = max(value, height + line)
    if len(name) > _LONGEST_NAME:  # to leave room for the curves
      name = "…" + name[1 - _LONGEST_NAME :]
    axes.annotate(
      f" {name} {value:.3f}",
      (step, height),
      color=color,
      va="center",
      parse_math=False,
    )


def plot_weights_of_labels(
  runs: Sequence[RunSummary], path: str | os.PathLike
) -> None:
  """Writes the picture of `draw_weights_of_labels`."""
  save_figure(draw_weights_of_labels(runs), path)


def draw_weights_of_labels(runs: Sequence[RunSummary]) -> Figure:
  """Mean weight of clean and of noisy labels over training, a panel per run.

  Args:
    runs: a run whose metrics do not tell them has no panel.
  """
  names = [metric for metric, _ in _WEIGHTS_OF_LABELS.values()]
  runs = [run for run in runs if any(map(run.columns.get, names))]
  columns = max(1, min(_WEIGHT_COLUMNS, len(runs)))
  rows = max(1, -(-len(runs) // columns))
  figure = _figure(2.6 * columns + 0.6, 2.1 * rows + 0.7)
  panels = figure.subplots(
    rows, columns, sharex=True, sharey=True, squeeze=False
  )
  for axes in panels.flat[len(runs) :]:
    axes.axis("off")
  for axes, run in zip(panels.flat, runs, strict=False):
    for metric, color in _WEIGHTS_OF_LABELS.values():
      if values := run.columns.get(metric):
        axes.plot(*zip(*values, strict=True), "o-", color=color, markersize=2)
    axes.set_title(run.name, fontsize=9, parse_math=False)
    axes.set_ylim(0, 1.03)
    axes.grid(alpha=0.25)
  figure.supxlabel("training step", fontsize=9)
  figure.supylabel("mean weight", fontsize=9)
  figure.legend(
    handles=[
      Patch(color=color, label=label)
      for label, (_, color) in _WEIGHTS_OF_LABELS.items()
    ],
    loc="outside upper center",
    ncols=2,
    fontsize=9,
  )
  return figure


def plot_weight_against_loss(
  losses: np.ndarray,
  weights: np.ndarray,
  is_clean: np.ndarray,
  path: str | os.PathLike,
) -> None:
  """Writes the picture of `draw_weight_against_loss`."""
  save_figure(draw_weight_against_loss(losses, weights, is_clean), path)


def draw_weight_against_loss(
  losses: np.ndarray, weights: np.ndarray, is_clean: np.ndarray
) -> Figure:
  """Weight of every training example over its loss, clean and noisy labels.

  Histograms on both sides show how many examples lie on top of each other.

  Args:
    losses: [N] losses, in nats.
    weights: [N] weights in 0..1.
    is_clean: [N] bool, whether the label is clean.
  """
  figure = _figure(7, 5)
  axes = figure.subplots(
    2,
    2,
    sharex="col",
    sharey="row",
    width_ratios=(4, 1),
    height_ratios=(1, 3),
    gridspec_kw={"hspace": 0.05, "wspace": 0.05},
  )
  groups = (
    (f"clean label ({np.count_nonzero(is_clean)})", is_clean, _CLEAN),
    (f"noisy label ({np.count_nonzero(~is_clean)})", ~is_clean, _NOISY),
  )
  main, right, top = axes[1, 0], axes[1, 1], axes[0, 0]
  loss_bins = np.linspace(0, losses.max() + 1e-6, 50)
  weight_bins = np.linspace(0, 1, 26)
  for label, chosen, color in groups:
    main.scatter(
      losses[chosen], weights[chosen], s=9, alpha=0.4, color=color, label=label
    )
    top.hist(losses[chosen], loss_bins, color=color, alpha=0.6)
    right.hist(
      weights[chosen],
      weight_bins,
      color=color,
      alpha=0.6,
      orientation="horizontal",
    )
  main.set_xlabel("loss of the example (nats)")
  main.set_ylabel("weight given by the curriculum")
  main.set_ylim(-0.05, 1.05)
  main.legend(loc="center right")
  top.set_ylabel("examples")
  right.set_xlabel("examples")
  axes[0, 1].axis("off")
  return figure


def draw_weight_history(history: WeightHistory) -> Figure:
  """Share of the training examples per weight, during training."""
  figure = _figure(7, 3.2)
  axes = figure.subplots()
  image = axes.pcolormesh(
    np.concatenate([[0], history.steps]),
    history.edges,
    history.shares.T,
    cmap="viridis",
    vmin=0,
    vmax=1,
  )
  axes.set_xlabel("training step")
  axes.set_ylabel("weight before dropout")
  figure.colorbar(image, ax=axes, label="share of examples")
  return figure


def draw_contact_sheet(
  images: np.ndarray,
  titles: Sequence[str],
  verdicts: Sequence[str],
  heading: str,
  captions: Sequence[str] = (),
) -> Figure:
  """Many small images, row by row, with a title above each.

  Args:
    images: [N, height, width, 3] uint8.
    titles: [N], the titles of the images.
    verdicts: [N], shown as the title's color: "found" (mislabeled, suggestion
      correct), "missed" (mislabeled, suggestion incorrect),
      "known_wrong" (mislabeled, clean label not known), "kept" (clean label) or
      "unknown".
    heading: the title of the sheet.
    captions: [N], lines below the images, or none.
  """
  columns = min(_SHEET_COLUMNS, len(images))
  rows = -(-len(images) // columns)
  lines = [line for each in captions for line in each.split("\n")]
  # Inches; captions are smaller than titles.
  widest = max(
    [0.085 * len(title) for title in titles]
    + [0.06 * len(line) for line in lines]
  )
  below = 0.13 * max((each.count("\n") + 1 for each in captions), default=0)
  width = max(max(1.2, widest) * columns, 6)
  figure = _figure(width, (1.45 + below) * rows + 0.9)
  for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
    axes.axis("off")
    if i < len(images):
      axes.imshow(images[i], interpolation="nearest")
      axes.set_title(
        titles[i],
        fontsize=9,
        color=_VERDICTS[verdicts[i]][0],
        parse_math=False,  # a name may hold a dollar sign
      )
    if i < len(captions):
      axes.text(
        0.5,
        -0.03,
        captions[i],
        transform=axes.transAxes,
        horizontalalignment="center",
        verticalalignment="top",
        fontsize=6.5,
        parse_math=False,
      )
  figure.suptitle(heading, fontsize=11)
  figure.legend(
    handles=[
      Patch(color=color, label=f"{meaning} ({verdicts.count(verdict)})")
      for verdict, (color, meaning) in _VERDICTS.items()
      if verdict in verdicts
    ],
    loc="outside lower center",
    ncols=int(width / 3.5),  # the longest meaning takes 3.5 inches
    fontsize=9,
  )
  return figure


def _figure(width: float, height: float) -> Figure:
  # Not by pyplot, which needs global state and a display.
  return Figure(figsize=(width, height), layout="constrained")
