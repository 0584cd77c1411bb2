"""Label noise, always from an explicit seed."""

from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.datasets.labels.clean_labels import (
  KNOWN_WRONG,
  is_checked,
  is_noisy,
)
from mentornet_tf.datasets.sources.class_names import confused_classes
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice
from mentornet_tf.internal.reasons import reason
from mentornet_tf.internal.regular_files import check_regular

NOISE_KINDS = (
  "none",
  "symmetric",
  "pairflip",
  "asymmetric",
  "matrix",
  "instance",
)
# With labels that are read from a file.
LABEL_NOISE_KINDS = (*NOISE_KINDS, "file")
# Those that have a rate.
RATE_KINDS = ("symmetric", "pairflip", "asymmetric", "instance")
# Those that depend on the labels alone.
OWN_NOISE_KINDS = ("none", "symmetric", "pairflip", "matrix")

# Standard deviation of the flip rates of single images (arXiv 2006.07836).
_INSTANCE_RATE_DEVIATION = 0.1


def corrupt_labels(
  labels: np.ndarray,
  num_classes: int,
  kind: str = "symmetric",
  rate: float = 0.4,
  seed: int = 0,
  *,
  images: np.ndarray | None = None,
  transition_matrix: np.ndarray | None = None,
  class_map: np.ndarray | None = None,
) -> np.ndarray:
  """Replaces labels at random.

  Args:
    labels: [N] integers in [0, num_classes).
    num_classes: K, at least 2.
    kind: one of

      - "none": the labels as they are;
      - "symmetric": with probability `rate` a class drawn uniformly from all K,
        the clean one included (the paper's), so that `rate * (K - 1) / K` of
        the labels change;
      - "pairflip": with probability `rate` the next class, K - 1 being followed
        by 0;
      - "asymmetric": with probability `rate` the class `class_map` names;
      - "matrix": class j with probability `transition_matrix[label, j]`;
      - "instance": every image has its own flip rate, drawn from a normal
        distribution about `rate` (deviation 0.1, truncated to [0, 1]), and its
        own distribution over the other classes, from a random linear map of its
        pixels (arXiv 2006.07836, algorithm 2).
    rate: probability in [0, 1]; "none" and "matrix" do not use it.
    seed: seed of the noise, at least 0.
    images: [N, ...] pixel values 0..255, for "instance" only.
    transition_matrix: [K, K], rows sum to 1, for "matrix" only.
    class_map: [K] classes, for "asymmetric" only; by default the customary
      map of CIFAR-10 for K = 10 and of CIFAR-100 for K = 100.

  Returns:
    [N] int64.

  Raises:
    UserError: an argument is outside its bounds, is missing, or belongs to
      another kind of noise.
  """
  labels = _checked_labels(labels, num_classes)
  _check_arguments(kind, rate, seed)
  _check_belongs(kind, "images", images, "instance")
  _check_belongs(kind, "transition_matrix", transition_matrix, "matrix")
  _check_belongs(kind, "class_map", class_map, "asymmetric")
  rng = np.random.default_rng(seed)
  if kind == "none" or (kind == "instance" and rate == 0):
    return labels
  if kind == "matrix":
    matrix = check_transition_matrix(transition_matrix, num_classes)
    return _draw_by_row(labels, matrix, rng)
  if kind == "instance":
    assert images is not None  # as checked above
    return _instance_dependent(labels, num_classes, rate, images, rng)
  flipped = rng.random(len(labels)) < rate
  if kind == "symmetric":
    other = rng.integers(num_classes, size=len(labels))
  elif kind == "pairflip":
    other = (labels + 1) % num_classes
  else:
    other = _checked_class_map(class_map, num_classes)[labels]
  return np.where(flipped, other, labels)


def measured_noise_rate(labels: np.ndarray, clean: np.ndarray) -> float | None:
  """Share of labels that differ from the clean ones; None if none is known.

  Args:
    labels: [N] integers.
    clean: [N] integers, as `clean_labels` defines them; images of which nothing
      is known are left out.
  """
  checked = is_checked(clean)
  if not checked.any():
    return None
  return float(np.mean(is_noisy(labels, clean)[checked]))


def describe_measured_noise(
  labels: np.ndarray, clean: np.ndarray
) -> dict[str, Any]:
  """What the summary of a record set says of labels, beside their origin.

  Args:
    labels: [N] integers.
    clean: [N] integers, as `clean_labels` defines them.

  Returns:
    "measured_rate", as `measured_noise_rate` gives it; "unknown_true_labels",
    the number of labels of which nothing is known; and, where there are such,
    "known_wrong_labels", the number of `KNOWN_WRONG` ones.
  """
  known_wrong = int(np.sum(clean == KNOWN_WRONG))
  return {
    "measured_rate": measured_noise_rate(labels, clean),
    "unknown_true_labels": int(np.sum(~is_checked(clean))),
    **({"known_wrong_labels": known_wrong} if known_wrong else {}),
  }


def load_transition_matrix(path: str | Path, num_classes: int) -> np.ndarray:
  """Reads a [K, K] float64 matrix from .npy, .csv or .txt.

  Raises:
    UserError: the file is missing, unreadable, or no row-stochastic matrix.
  """
  path = Path(path)
  if path.suffix not in (".npy", ".csv", ".txt"):
    raise UserError(
      f"matrix: expected a file .npy, .csv or .txt, got {path}; convert it"
    )
  try:
    check_regular(path)
    if path.suffix == ".npy":
      matrix = np.load(path, allow_pickle=False)
    else:
      text = path.read_text(encoding="utf-8").replace(",", " ")
      matrix = np.array(
        [line.split() for line in text.splitlines() if line.strip()], float
      )
  except FileNotFoundError as error:
    raise UserError(
      f"matrix: expected a transition matrix at {path}, got no such file; "
      "correct the path"
    ) from error
  except (ValueError, EOFError) as error:
    raise UserError(
      f"{path}: expected a matrix of {num_classes}x{num_classes} numbers, got "
      f"something else ({reason(error)}); correct the file"
    ) from error
  try:
    return check_transition_matrix(matrix, num_classes)
  except UserError as error:
    raise UserError(f"{path}: {error}") from error


def check_transition_matrix(
  matrix: np.ndarray | None, num_classes: int
) -> np.ndarray:
  """Returns the matrix as float64 [K, K] once its rows are distributions.

  Raises:
    UserError: they are not.
  """
  shape = (num_classes, num_classes)
  matrix = np.asarray(matrix)
  if matrix.shape != shape or matrix.dtype.kind not in "fiu":
    raise UserError(
      f"transition_matrix: expected {num_classes}x{num_classes} numbers, got "
      f"{matrix.dtype} of shape {list(matrix.shape)}; give one row and one "
      "column per class"
    )
  matrix = matrix.astype(np.float64)
  sums = matrix.sum(axis=1)
  # Negated, so that NaN is refused too.
  invalid = ~((matrix >= 0).all(axis=1) & (np.abs(sums - 1) <= 1e-4))
  if invalid.any():
    row = int(np.argmax(invalid))
    raise UserError(
      "transition_matrix: expected rows of probabilities that sum to 1, got "
      f"row {row} with the sum {sums[row]:g} and the least entry "
      f"{matrix[row].min():g}; correct it"
    )
  return matrix / sums[:, np.newaxis]


def _draw_by_row(
  labels: np.ndarray, matrix: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
  """A class for each label, drawn from that label's row of probabilities."""
  upper_bounds = np.cumsum(matrix, axis=1)
  drawn = rng.random(len(labels))
  noisy = np.empty_like(labels)
  for label in range(len(matrix)):
    chosen = labels == label
    noisy[chosen] = np.searchsorted(
      upper_bounds[label], drawn[chosen], side="right"
    )
  # Rounding may leave the last bound just below 1.
  return np.minimum(noisy, len(matrix) - 1)


def _instance_dependent(
  labels: np.ndarray,
  num_classes: int,
  rate: float,
  images: np.ndarray,
  rng: np.random.Generator,
) -> np.ndarray:
  if len(images) != len(labels):
    raise UserError(
      f"images: expected one image per label for instance noise, got "
      f"{len(images)} images and {len(labels)} labels; pass both from one set"
    )
  flip_rates = _truncated_normal(rate, len(labels), rng)
  scores = _class_scores(labels, num_classes, images, rng)
  scores[np.arange(len(labels)), labels] = -np.inf
  weights = np.exp(scores - scores.max(axis=1, keepdims=True))
  bounds = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
  flipped = rng.random(len(labels)) < flip_rates
  drawn = rng.random((len(labels), 1))
  # The class whose bound is the first above the draw.
  other = np.argmax(bounds > drawn * bounds[:, -1:], axis=1)
  return np.where(flipped, other, labels)


def _truncated_normal(
  mean: float, count: int, rng: np.random.Generator
) -> np.ndarray:
  values = rng.normal(mean, _INSTANCE_RATE_DEVIATION, count)
  while (outside := (values < 0) | (values > 1)).any():
    values[outside] = rng.normal(
      mean, _INSTANCE_RATE_DEVIATION, int(outside.sum())
    )
  return values


def _class_scores(
  labels: np.ndarray,
  num_classes: int,
  images: np.ndarray,
  rng: np.random.Generator,
) -> np.ndarray:
  """[N, K] float64: each image times the random matrix of its clean class."""
  pixels = np.asarray(images).reshape(len(labels), -1)
  scores = np.empty((len(labels), num_classes))
  for label in range(num_classes):
    projection = rng.standard_normal((pixels.shape[1], num_classes), np.float32)
    chosen = labels == label
    # Roughly zero mean and unit variance, as for natural images.
    normalized = (pixels[chosen].astype(np.float32) - 127.5) / 64
    scores[chosen] = normalized @ projection
  return scores


def _checked_labels(labels: np.ndarray, num_classes: int) -> np.ndarray:
  if num_classes < 2:
    raise UserError(
      f"num_classes: expected at least 2, got {num_classes}; correct it"
    )
  labels = np.asarray(labels)
  if labels.ndim != 1 or labels.dtype.kind not in "iu":
    raise UserError(
      f"labels: expected a list of integers, got {labels.dtype} of shape "
      f"{list(labels.shape)}; give one class number per image"
    )
  labels = labels.astype(np.int64)
  outside = (labels < 0) | (labels >= num_classes)
  if outside.any():
    position = int(np.argmax(outside))
    raise UserError(
      f"labels: expected classes between 0 and {num_classes - 1}, got "
      f"{labels[position]} at position {position}; correct the labels or "
      "`num_classes`"
    )
  return labels


def _check_arguments(kind: str, rate: float, seed: int) -> None:
  check_choice("kind", kind, NOISE_KINDS)
  if not 0 <= rate <= 1:
    raise UserError(
      f"rate: expected a number between 0 and 1, got {rate}; for 40 % write 0.4"
    )
  if seed < 0:
    raise UserError(f"seed: expected at least 0, got {seed}; correct it")


def _check_belongs(
  kind: str, name: str, value: np.ndarray | None, owner: str
) -> None:
  if value is not None and kind != owner:
    raise UserError(
      f"{name}: expected none for {kind} noise, got one; it belongs to "
      f"{owner} noise: choose that kind, or leave it out"
    )
  # Asymmetric noise has default maps.
  if value is None and kind == owner and owner != "asymmetric":
    raise UserError(f"{name}: expected a value for {owner} noise, got none")


def _checked_class_map(
  class_map: np.ndarray | None, num_classes: int
) -> np.ndarray:
  if class_map is None:
    customary = {10: "cifar10", 100: "cifar100"}
    if num_classes not in customary:
      raise UserError(
        "class_map: expected one for asymmetric noise, since only 10 classes "
        "(CIFAR-10) and 100 (CIFAR-100) have a customary one, got "
        f"{num_classes} classes and none; pass one"
      )
    return confused_classes(customary[num_classes])
  class_map = np.asarray(class_map)
  if (
    class_map.shape != (num_classes,)
    or class_map.dtype.kind not in "iu"
    or class_map.min() < 0
    or class_map.max() >= num_classes
  ):
    raise UserError(
      f"class_map: expected {num_classes} classes between 0 and "
      f"{num_classes - 1}, got {class_map.tolist()}; give one per class"
    )
  return class_map.astype(np.int64)
