"""The labels of a training split: made noisy at random, or read from a file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.datasets.labels.files import (
  integer_columns,
  read_label_columns,
)
from mentornet_tf.datasets.labels.matching import (
  label_column,
  match_labels,
)
from mentornet_tf.datasets.labels.noise import (
  LABEL_NOISE_KINDS,
  RATE_KINDS,
  corrupt_labels,
  load_transition_matrix,
)
from mentornet_tf.datasets.sources.base import SourceImages
from mentornet_tf.datasets.sources.cifar_tfds import (
  TFDS_ORDERING,
  read_tfds_columns,
)
from mentornet_tf.datasets.sources.class_names import confused_classes
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice

_DEFAULT_RATE = 0.4
# The kinds of noise that use a setting.
_KINDS_WITH = {
  "rate": RATE_KINDS,
  "matrix": ("matrix",),
  "label_file": ("file",),
  "label_key": ("file",),
  "label_order": ("file",),
}
_TFDS_LABELS = {"tfds:cifar10_n": "cifar10", "tfds:cifar100_n": "cifar100"}


@dataclass(frozen=True)
class LabelNoise:
  """The noise of a training split; settings without effect are refused.

  Attributes:
    kind: one of `LABEL_NOISE_KINDS`.
    rate: probability, for the kinds that have one; 0.4 where None.
    matrix: transition matrix file, for "matrix".
    label_file: given labels, for "file": a path, or "tfds:cifar10_n" or
      "tfds:cifar100_n".
    label_key: which labels of the file, where it holds several.
    label_order: "python", "binary" or "digits": what the rows of a file
      without ids count.
    seed: seed of the noise, at least 0.

  Raises:
    UserError: a setting belongs to another kind, or one is missing.
  """

  kind: str = "none"
  rate: float | None = None
  matrix: str | Path | None = None
  label_file: str | Path | None = None
  label_key: str | None = None
  label_order: str | None = None
  seed: int = 0

  def __post_init__(self) -> None:
    check_choice("kind", self.kind, LABEL_NOISE_KINDS)
    for name, kinds in _KINDS_WITH.items():
      value = getattr(self, name)
      if value is not None and self.kind not in kinds:
        raise UserError(
          f"{name}: expected a value only with `kind={' or '.join(kinds)}`, "
          f"got {value} with `kind={self.kind}`; leave one of them out"
        )
    for name, kind in (("matrix", "matrix"), ("label_file", "file")):
      if not getattr(self, name) and self.kind == kind:
        raise UserError(
          f"{name}: expected a file with `kind={kind}`, got none; name the file"
        )

  @property
  def labels_from_tfds(self) -> bool:
    """Whether the given labels are those of TensorFlow Datasets."""
    return str(self.label_file).startswith("tfds:")

  def labels(
    self,
    source: SourceImages,
    dataset_name: str,
    tfds_data_dir: str | Path | None = None,
  ) -> tuple[np.ndarray, dict[str, Any]]:
    """Labels [N] int64 for the images, and what a summary says about them.

    Args:
      source: the images with their clean labels.
      dataset_name: chooses the classes that asymmetric noise confuses.
      tfds_data_dir: where the labels of TensorFlow Datasets are.

    Raises:
      UserError: a file cannot be used, or a setting is outside its bounds.
    """
    if self.kind == "file":
      return self._given_labels(source, dataset_name, tfds_data_dir)
    return self.drawn_labels(
      source.labels, source.num_classes, dataset_name, source.images
    )

  def drawn_labels(
    self,
    labels: np.ndarray,
    num_classes: int,
    dataset_name: str,
    images: np.ndarray | None = None,
  ) -> tuple[np.ndarray, dict[str, Any]]:
    """Labels [N] int64 by any kind but "file", and what a summary says.

    Args:
      labels: [N] int64, clean.
      num_classes: K.
      dataset_name: chooses the classes that asymmetric noise confuses.
      images: [N, ...] pixel values, for "instance".

    Raises:
      UserError: a file cannot be used, or a setting is outside its bounds.
    """
    summary: dict[str, Any] = {"kind": self.kind}
    options: dict[str, Any] = {"seed": self.seed}
    if self.kind in RATE_KINDS:
      options["rate"] = _DEFAULT_RATE if self.rate is None else self.rate
      summary["rate"] = options["rate"]
    if self.kind != "none":
      summary["seed"] = self.seed
    if self.kind == "matrix":
      assert self.matrix  # as the constructor has checked
      options["transition_matrix"] = load_transition_matrix(
        self.matrix, num_classes
      )
      summary["matrix_sha256"] = _digest(self.matrix)
    if self.kind == "instance":
      options["images"] = images
    if self.kind == "asymmetric":
      options["class_map"] = confused_classes(dataset_name)
    drawn = corrupt_labels(labels, num_classes, self.kind, **options)
    return drawn, summary

  def _given_labels(
    self,
    source: SourceImages,
    dataset_name: str,
    tfds_data_dir: str | Path | None,
  ) -> tuple[np.ndarray, dict[str, Any]]:
    origin = str(self.label_file)
    summary: dict[str, Any] = {"kind": "file"}
    if self.labels_from_tfds:
      columns = _tfds_columns(origin, source, dataset_name, tfds_data_dir)
      summary["label_file"] = origin
    else:
      columns = read_label_columns(origin)
      summary["label_file_sha256"] = _digest(origin)
    summary["label_key"] = label_column(columns, origin, self.label_key)
    labels = match_labels(
      columns,
      source,
      origin=origin,
      label_key=summary["label_key"],
      label_order=self.label_order,
    )
    return labels, summary


def describe_noise(noise: dict[str, Any]) -> str:
  """One line about what `LabelNoise` did.

  Args:
    noise: what a summary says about it, with the measured rate.

  Returns:
    Such as "noise symmetric (rate 0.4, seed 0), measured noise rate 0.3579".
  """
  settings = ", ".join(
    f"{key} {noise[key]}"
    for key in ("rate", "seed", "label_key")
    if noise.get(key) is not None
  )
  kind = noise["kind"] + (f" ({settings})" if settings else "")
  return f"noise {kind}, measured noise rate {noise['measured_rate']:.4f}"


def describe_noisy_labels(summary: Mapping[str, Any]) -> str | None:
  """How many labels are noisy by a `run_summary`, None where not known."""
  rate = summary.get("measured_noise_rate")
  if rate is None:
    return None
  unknown = (summary.get("noise") or {}).get("unknown_true_labels")
  return (
    f"{100 * rate:.1f} % of the {'checked ' if unknown else ''}labels noisy"
  )


def _tfds_columns(
  origin: str,
  source: SourceImages,
  dataset_name: str,
  tfds_data_dir: str | Path | None,
) -> dict[str, np.ndarray]:
  """The label columns of a builder, with ids as in the binary archive."""
  if _TFDS_LABELS.get(origin) != dataset_name:
    raise UserError(
      "label_file: expected a file, or tfds:cifar10_n for cifar10 or "
      f"tfds:cifar100_n for cifar100, got {origin} for {dataset_name}; correct "
      "it"
    )
  if source.ordering != TFDS_ORDERING:
    raise UserError(
      f"label_file: expected images in {TFDS_ORDERING} order for {origin}, "
      f"got {source.ordering} order; read the images from TensorFlow Datasets "
      "or the binary version of the archive"
    )
  builder_name = origin.removeprefix("tfds:")
  columns = read_tfds_columns(builder_name, "train", tfds_data_dir)
  # The builder calls the clean labels "label".
  columns["clean_label"] = columns.pop("label")
  return integer_columns(columns, origin)


def _digest(path: str | Path) -> str:
  return hashlib.sha256(Path(path).read_bytes()).hexdigest()
