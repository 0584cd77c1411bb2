"""Pictures of training runs."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mentornet_tf.comparison import RunSummary

# Told apart by all common forms of colour vision (Okabe and Ito).
_COLORS = ("#999999", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
_CLEAN, _NOISY = "#0072B2", "#D55E00"


def plot_learning_curves(
  runs: Sequence[RunSummary], path: str | os.PathLike
) -> None:
  """Test accuracy over training steps, one curve a run."""
  figure = _figure(7, 4)
  axes = figure.subplots()
  for i, run in enumerate(runs):
    steps, accuracies = zip(*run.columns["test_accuracy"], strict=True)
    color = _COLORS[i % len(_COLORS)]
    axes.plot(steps, accuracies, "o-", color=color, markersize=3)
    axes.annotate(
      f" {run.name} {accuracies[-1]:.3f}",
      (steps[-1], accuracies[-1]),
      color=color,
      va="center",
    )
  axes.set_xlabel("training step")
  axes.set_ylabel("accuracy on clean test images")
  axes.margins(x=0.0)
  axes.grid(alpha=0.25)
  _save(figure, path)


def plot_weight_against_loss(
  losses: np.ndarray,
  weights: np.ndarray,
  is_clean: np.ndarray,
  path: str | os.PathLike,
) -> None:
  """Weight of every training example over its loss, by true or wrong label.

  Histograms on both sides show how many examples lie on top of each other.

  Args:
    losses: [N] losses, in nats.
    weights: [N] weights in 0..1.
    is_clean: [N] bool, whether the label is the true one.
    path: the PNG to write.
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
    (f"true label ({np.count_nonzero(is_clean)})", is_clean, _CLEAN),
    (f"wrong label ({np.count_nonzero(~is_clean)})", ~is_clean, _NOISY),
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
  _save(figure, path)


def _figure(width: float, height: float) -> Figure:
  # Without pyplot: no global state, no display.
  figure = Figure(figsize=(width, height), layout="constrained")
  FigureCanvasAgg(figure)
  return figure


def _save(figure: Figure, path: str | os.PathLike) -> None:
  path = Path(path)
  temporary = path.with_name(path.name + ".partial")
  figure.savefig(temporary, format="png", dpi=120)
  os.replace(temporary, path)
