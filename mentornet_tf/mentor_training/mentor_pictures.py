"""Pictures of a mentor: its weight over loss and loss difference, by epoch."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from mentornet_tf.curricula.memory_features import (
  RememberedBatch,
  memory_features,
)
from mentornet_tf.curricula.mentor_input import takes_memory
from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files
from mentornet_tf.internal.typing import Tensor

_WEIGHT_COLORS = "viridis"
_ERROR_COLORS = "RdBu_r"


@dataclass(frozen=True)
class WeightSurface:
  """Weights on a regular grid of features with label 0.

  Attributes:
    losses: [L], in nats.
    differences: [D] loss differences, in nats.
    epochs: [E] percentages.
    weights: [E, L, D] weights of the mentor.
    targets: [E, L, D] target weights, or None if there is no formula.
  """

  losses: np.ndarray
  differences: np.ndarray
  epochs: np.ndarray
  weights: np.ndarray
  targets: np.ndarray | None = None


def weight_surface(
  mentor: keras.Model,
  epochs: Sequence[int],
  *,
  loss_bound: float = 15.0,
  points: int = 60,
  formula: Callable[[np.ndarray], Any] | None = None,
) -> WeightSurface:
  """Evaluates a mentor, and a formula beside it, on a grid.

  A mentor that sees the memory of training is shown examples on which the
  student has always been as it is now: their mean loss is the loss ℓ, its
  difference d that of the loss, the given label has had the probability exp(−ℓ)
  and one other class the rest, and the more probable one was predicted.

  Args:
    mentor: maps features [B, 4], or [B, 8] with memory, to logits [B, 1].
    epochs: percentages 0..99, one picture each.
    loss_bound: largest loss, in nats, > 0.
    points: grid points along losses and along differences, which span −5..5.
    formula: target weights as `target_weights.get_formula` returns them.

  Raises:
    UserError: an epoch, loss_bound or number of points out of range.
  """
  if not epochs or not all(0 <= epoch <= 99 for epoch in epochs):
    raise UserError(
      f"epoch_ranges: expected epochs in 0..99, got {list(epochs)}; write them "
      "as 0,10,99"
    )
  if not 0 < loss_bound < np.inf:
    raise UserError(
      f"loss_bound: expected a finite loss > 0, got {loss_bound}; try 15"
    )
  if points < 2:
    raise UserError(f"points: expected a number >= 2, got {points}; try 60")
  losses = np.linspace(0, loss_bound, points)
  differences = np.linspace(-5, 5, points)
  grid = np.meshgrid(epochs, losses, differences, indexing="ij")
  epoch, loss, difference = (axis.ravel() for axis in grid)
  features = np.stack(
    [loss, difference, np.zeros_like(loss), epoch], axis=1
  ).astype(np.float32)
  seen = features
  if takes_memory(mentor):
    seen = _unchanged_features(loss, difference, epoch)
  weights = keras.ops.convert_to_numpy(keras.ops.sigmoid(mentor(seen)))
  targets = formula(features) if formula is not None else None
  shape = grid[0].shape
  return WeightSurface(
    losses=losses,
    differences=differences,
    epochs=np.asarray(epochs),
    weights=weights.reshape(shape),
    targets=None if targets is None else np.reshape(targets, shape),
  )


def _unchanged_features(
  loss: np.ndarray, difference: np.ndarray, epoch: np.ndarray
) -> Tensor:
  """[N, 8] features of examples that have had the same loss at every visit."""
  given_probability = np.exp(-loss)
  remembered = RememberedBatch(
    mean_loss=loss,
    given_probability=given_probability,
    other_probability=1 - given_probability,
    agreement=given_probability > 0.5,
  )
  return memory_features(loss, difference, remembered, difference, epoch)


def draw_weight_maps(surface: WeightSurface, title: str) -> Figure:
  """Draws a column of heat maps per epoch: mentor, target, difference.

  Without targets there is only the row of the mentor's weights.
  """
  rows = [("weight of the mentor", surface.weights, _WEIGHT_COLORS, (0, 1))]
  if surface.targets is not None:
    error = surface.weights - surface.targets
    rows += [
      ("target weight v*", surface.targets, _WEIGHT_COLORS, (0, 1)),
      ("mentor − target", error, _ERROR_COLORS, (-1, 1)),
    ]
  columns = len(surface.epochs)
  figure = Figure(
    figsize=(1.3 * columns + 2.4, 1.55 * len(rows) + 1.1),
    layout="constrained",
  )
  figure.suptitle(
    f"{title}: weight by loss ℓ and its difference d to the moving percentile "
    "(nats)",
    fontsize=11,
  )
  axes = figure.subplots(
    len(rows), columns, squeeze=False, sharex=True, sharey=True
  )
  extent = (
    *surface.differences[[0, -1]],
    *surface.losses[[0, -1]],
  )
  for row, (name, maps, colors, limits) in enumerate(rows):
    for column, epoch in enumerate(surface.epochs):
      axis = axes[row, column]
      image = axis.imshow(
        maps[column],
        cmap=colors,
        vmin=limits[0],
        vmax=limits[1],
        origin="lower",
        extent=extent,
        aspect="auto",
        interpolation="nearest",
      )
      axis.axvline(0, color="white" if row < 2 else "gray", lw=0.6, ls=":")
      axis.set_xticks([-5, 0, 5])
      axis.tick_params(labelsize=7)
      if row == 0:
        axis.set_title(f"epoch {epoch} %", fontsize=9)
      if row == 2:
        mse = np.mean(np.square(maps[column]))
        axis.set_title(f"MSE {mse:.0e}", fontsize=8)
    axes[row, 0].set_ylabel("loss ℓ", fontsize=8)
    bar = figure.colorbar(image, ax=axes[row], pad=0.01, aspect=12)
    bar.set_label(name, fontsize=9)
    bar.ax.tick_params(labelsize=7)
  for axis in axes[-1]:
    axis.set_xlabel("difference d", fontsize=8)
  return figure


def draw_update(before: WeightSurface, after: WeightSurface) -> Figure:
  """Draws the weights of a mentor before and after an update, side by side.

  Args:
    before: surface of the mentor before the update, at its epoch alone.
    after: surface of the updated mentor, likewise.
  """
  figure = Figure(figsize=(7, 3.2), layout="constrained")
  axes = figure.subplots(1, 2, sharex=True, sharey=True)
  for axis, surface, name in zip(
    axes, (before, after), ("before", "after"), strict=True
  ):
    image = axis.imshow(
      surface.weights[0],
      cmap=_WEIGHT_COLORS,
      vmin=0,
      vmax=1,
      origin="lower",
      extent=(*surface.differences[[0, -1]], *surface.losses[[0, -1]]),
      aspect="auto",
      interpolation="nearest",
    )
    axis.axvline(0, color="white", lw=0.6, ls=":")
    axis.set_title(
      f"{name} the update at {surface.epochs[0]} % of training", fontsize=9
    )
    axis.set_xlabel("loss − moving percentile (nats)", fontsize=8)
  axes[0].set_ylabel("loss (nats)", fontsize=8)
  figure.colorbar(image, ax=axes, pad=0.01, aspect=16).set_label(
    "weight", fontsize=9
  )
  return figure


def draw_scatter(surface: WeightSurface, number: int, title: str) -> Figure:
  """Draws the original's picture of one epoch: weights as points in 3-D."""
  loss, difference = np.meshgrid(
    surface.losses, surface.differences, indexing="ij"
  )
  figure = Figure(figsize=(6, 5))
  axis = figure.add_subplot(projection="3d")
  axis.scatter(
    loss.ravel(),
    difference.ravel(),
    surface.weights[number].ravel(),
    c=surface.weights[number].ravel(),
    cmap=_WEIGHT_COLORS,
    vmin=0,
    vmax=1,
    s=6,
    depthshade=False,
  )
  axis.set_zlim(0, 1)
  axis.view_init(elev=25, azim=-55)
  axis.set_xlabel("loss ℓ")
  axis.set_ylabel("difference d")
  axis.set_zlabel("weight v")
  axis.set_title(f"{title}, epoch {surface.epochs[number]} %")
  return figure


def save_animation(
  figures: Sequence[Figure], path: str | Path, seconds_each: float = 0.7
) -> None:
  """Writes figures of equal size as an animated GIF that loops forever."""
  frames = []
  for figure in figures:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    frames.append(
      Image.open(buffer).convert("P", palette=Image.Palette.ADAPTIVE)
    )
  with atomic_files.replacing(path) as partial:
    frames[0].save(
      partial,
      save_all=True,
      append_images=frames[1:],
      duration=round(1000 * seconds_each),
      loop=0,
    )
