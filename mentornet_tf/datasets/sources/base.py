"""What every source of small images returns."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SourceImages:
  """One split of a data set as its source holds it, in the order of `ids`.

  Attributes:
    images: [N, height, width, 3] uint8.
    labels: [N] int64, 0-based, as the source gives them (clean).
    ids: [N] int64, positions in the source, 0 to N - 1.
    class_names: K names.
    ordering: the order that the ids count: "python" or "binary" for the two
      versions of the CIFAR archives, which must not be confused, or "digits".
    description: where the images came from, in words.
    paths: N, the file of the source that holds each image, "/" and the image's
      number in that file, from 0, as text in UTF-8; () where unknown.
  """

  images: np.ndarray
  labels: np.ndarray
  ids: np.ndarray
  class_names: tuple[str, ...]
  ordering: str
  description: str
  paths: tuple[bytes, ...] = ()

  @property
  def num_classes(self) -> int:
    """K."""
    return len(self.class_names)

  def __len__(self) -> int:
    return len(self.images)


def numbered_paths(file: str, count: int) -> tuple[bytes, ...]:
  """The paths of the `count` images that a file of a source holds."""
  return tuple(f"{file}/{number}".encode() for number in range(count))
