"""What a mentor is trained on: features of examples with target weights.

There are two sources (paper, section 3.3): a predefined curriculum sampled on a
grid of features, and the losses of a real student whose clean labels are known
(golden `data_driven`).
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.curricula import memory_columns
from mentornet_tf.curricula.target_weights import target_weights
from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files
from mentornet_tf.mentor_training.loss_dump import LossDump

EXAMPLES_FILE = "mentor_examples.npz"

# The percentiles for which the original writes data-driven examples.
DATA_DRIVEN_PERCENTILES = (40, 50, 60, 75, 80, 90)

# Without and with what training remembers of an example.
_NUM_FEATURES = (4, len(memory_columns.NAMES))

_TRAIN_SHARE = 0.8
# Attributes that a file of examples holds as arrays.
ARRAYS = ("train_features", "train_targets", "test_features", "test_targets")


@dataclass(frozen=True)
class MentorExamples:
  """Examples to train a mentor on, and others to test it on.

  Attributes:
    train_features: [N, 4] float64: loss in nats, loss difference, label, epoch
      percentage; or [N, 8], as `curricula.memory_columns` names them.
    train_targets: [N] float64 target weights in 0..1.
    test_features: [M, 4] or [M, 8] float64, as many.
    test_targets: [M] float64.
    origin: how the examples were made; plain data that JSON can hold.
  """

  train_features: np.ndarray
  train_targets: np.ndarray
  test_features: np.ndarray
  test_targets: np.ndarray
  origin: dict[str, Any] = field(default_factory=dict)

  def __post_init__(self):
    for part in ("train", "test"):
      features = getattr(self, f"{part}_features")
      targets = getattr(self, f"{part}_targets")
      _check(part, features, targets)
    columns = self.num_features, self.test_features.shape[1]
    if columns[0] != columns[1]:
      raise UserError(
        "mentor examples: expected as many features for testing as for "
        f"training, got {columns[1]} and {columns[0]}; generate the examples "
        "again"
      )

  @property
  def num_features(self) -> int:
    """4, or 8 for a mentor that sees the memory."""
    return self.train_features.shape[1]

  @property
  def binary(self) -> bool:
    """Whether the targets are exactly the values 0 and 1, both present.

    The original chooses the loss by this. Targets that are all 1 do not count
    as binary.
    """
    return set(np.unique(self.train_targets)) == {0.0, 1.0}

  def save(self, folder: str | Path) -> Path:
    """Writes the examples into a folder, whole or not at all.

    Returns:
      The path of the file, which `load_examples` takes.
    """
    path = atomic_files.writable_folder(folder) / EXAMPLES_FILE
    buffer = io.BytesIO()
    arrays = {name: getattr(self, name) for name in ARRAYS}
    np.savez_compressed(buffer, **arrays, origin=json.dumps(self.origin))
    atomic_files.write_bytes(path, buffer.getvalue())
    return path


def predefined_examples(
  name: str,
  gamma: float | None = None,
  *,
  sample_size: int = 100_000,
  seed: int = 0,
) -> MentorExamples:
  """Samples a predefined curriculum on the original's grid.

  The grid has 120 losses (0, 0.1, … 9.9, 10, 11, … 29), 100 loss differences
  (−5, −4.9, … 4.9), label 0 and the epochs 0..99 (golden `vstar`).

  Args:
    name: a curriculum, as `target_weights.get_formula` takes it.
    gamma: the curriculum's parameter; None takes its default.
    sample_size: how many points of the grid to sample, without replacement; the
      first 80 % are for training.
    seed: seed of the sample.

  Raises:
    UserError: an unknown curriculum, or gamma or sample_size out of range.
  """
  losses, differences, epochs = grid_axes()
  total = losses.size * differences.size * epochs.size
  if not 2 <= sample_size <= total:
    raise UserError(
      f"sample_size: expected 2..{total} (the grid's size), got {sample_size}; "
      "choose a number in that range"
    )
  sample = np.random.default_rng(seed).permutation(total)[:sample_size]
  loss, difference, epoch = np.unravel_index(
    sample, (losses.size, differences.size, epochs.size)
  )
  features = np.stack(
    [
      losses[loss],
      differences[difference],
      np.zeros(sample_size),
      epochs[epoch],
    ],
    axis=1,
  )
  origin = {"curriculum": name, "gamma": gamma, "seed": seed}
  return split_examples(features, target_weights(name, features, gamma), origin)


def grid_axes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """The grid's losses [120], loss differences [100] and epochs [100]."""
  losses = np.concatenate([np.arange(0, 10, 0.1), np.arange(10, 30, 1.0)])
  # Not rounded: the difference nearest to 0 is −1.8e-14, as in golden `vstar`.
  return losses, np.arange(-5, 5, 0.1), np.arange(0, 100, 1.0)


def data_driven_examples(
  dump: LossDump,
  percentile: float,
  *,
  percentile_by_epoch: bool = False,
  with_memory: bool = False,
  seed: int = 0,
) -> MentorExamples:
  """Turns a student's losses into examples: target 1 where the label is clean.

  Args:
    dump: the losses with noisy and clean labels.
    percentile: 0..100, the percentile of the losses, interpolated linearly,
      from which loss differences are taken (golden `data_driven`).
    percentile_by_epoch: whether the percentile is that of each epoch's losses,
      as for a mentor in use, instead of that of all losses.
    with_memory: whether the features are those of a mentor that sees what
      training remembers of its examples, which the dump then has to hold. All
      rows of an example are for training then, or all for testing.
    seed: seed of the shuffle before the split into 80 % and 20 %.

  Raises:
    UserError: a percentile out of range, fewer than two rows (`with_memory`:
      examples), or no memory in them.
  """
  if not 0 <= percentile <= 100:
    raise UserError(
      f"percentile: expected 0..100, got {percentile}; the published runs use "
      f"{', '.join(map(str, DATA_DRIVEN_PERCENTILES))}"
    )
  features_of = dump.memory_features if with_memory else dump.features
  features = features_of(percentile, by_epoch=percentile_by_epoch)
  order = np.random.default_rng(seed).permutation(len(features))
  origin = {
    "loss_dump": dump.name,
    "percentile": percentile,
    "percentile_by_epoch": percentile_by_epoch,
    "rows": len(features),
    "replaced_rows": dump.replaced_rows,
    "seed": seed,
  }
  if with_memory:
    origin["with_memory"] = True
  return split_examples(
    features[order],
    dump.target_weights()[order],
    origin,
    # What is remembered of an example is nearly the same at its next visit.
    example_id=dump.example_id[order] if with_memory else None,
  )


def joined_examples(parts: Sequence[MentorExamples]) -> MentorExamples:
  """The examples of several sources, such as trainings, as one set.

  Raises:
    UserError: there are none, or their numbers of features differ.
  """
  if len(parts) == 1:
    return parts[0]
  widths = [part.num_features for part in parts]
  if len(set(widths)) != 1:
    raise UserError(
      "mentor examples: expected as many features in each set, got "
      f"{', '.join(map(str, widths)) or 'no set'}; join sets of one kind"
    )
  arrays = {
    name: np.concatenate([getattr(part, name) for part in parts])
    for name in ARRAYS
  }
  return MentorExamples(
    **arrays, origin={"joined": [part.origin for part in parts]}
  )


def split_examples(
  features: np.ndarray,
  targets: np.ndarray,
  origin: dict[str, Any],
  example_id: np.ndarray | None = None,
) -> MentorExamples:
  """The first 80 % of the examples for training, the others for testing.

  Args:
    features: [N, 4] or [N, 8], see `MentorExamples`; in random order.
    targets: [N] target weights in 0..1.
    origin: how they were made.
    example_id: [N], which example a row is about; None where each row is one
      of its own.

  Raises:
    UserError: fewer than two examples.
  """
  place, count = np.arange(len(features)), len(features)
  if example_id is not None:
    _, first, example = np.unique(
      example_id, return_index=True, return_inverse=True
    )
    place, count = np.argsort(np.argsort(first))[example], len(first)
  cut = int(_TRAIN_SHARE * count)
  if cut < 1:
    what = "rows" if example_id is None else "examples"
    raise UserError(
      f"mentor examples: expected at least 2 {what}, got {count}; one part is "
      "for training, the other for testing"
    )
  train = place < cut
  return MentorExamples(
    features[train], targets[train], features[~train], targets[~train], origin
  )


def _check(part: str, features: np.ndarray, targets: np.ndarray) -> None:
  has_columns = features.ndim == 2 and features.shape[1] in _NUM_FEATURES
  if not has_columns or len(features) == 0:
    raise UserError(
      f"mentor examples: expected {part} features [N, 4] or [N, 8], got "
      f"{list(features.shape)}; give at least one row"
    )
  if targets.shape != (len(features),):
    raise UserError(
      f"mentor examples: expected {part} targets [{len(features)}], got "
      f"{list(targets.shape)}; give one per row"
    )
  if not np.isfinite(features).all():
    raise UserError(
      f"mentor examples: expected finite {part} features, got NaN or infinity; "
      "remove those rows"
    )
  if not ((targets >= 0) & (targets <= 1)).all():
    raise UserError(
      f"mentor examples: expected {part} targets in 0..1, got "
      f"{targets.min()}..{targets.max()}; clip them"
    )
