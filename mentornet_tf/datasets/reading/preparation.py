"""What is done to images before a student sees them, as plain values.

Imports no TensorFlow: settings and command lines use these, too.
"""

import warnings
from dataclasses import dataclass

from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice

TRAIN_CROPS = ("random", "resized", "center")


@dataclass(frozen=True)
class Augmentation:
  """How training images are varied (arXiv 1712.05055, the original's recipes).

  Images are first center-cropped or zero-padded to a square canvas of
  `crop + 2 * padding` pixels, on raw pixel values.

  Attributes:
    padding: pixels of zeros on every side, fewer than `crop`; 2 for the
      residual net, 8 for CifarNet.
    crop: side of the square cut at random out of the canvas, in pixels.
    flip: mirror left to right with probability one half.
  """

  padding: int = 2
  crop: int = 32
  flip: bool = True

  def __post_init__(self) -> None:
    # Else some squares would hold nothing of the image.
    if not 0 <= self.padding < self.crop:
      raise UserError(
        "padding, crop: expected at least 0 pixels of padding and fewer than "
        f"the crop has, got {self.padding} and {self.crop}; choose others"
      )


RESNET_AUGMENTATION = Augmentation(padding=2)
INCEPTION_AUGMENTATION = Augmentation(padding=8)
NO_AUGMENTATION = Augmentation(padding=0, flip=False)


@dataclass(frozen=True)
class Crop:
  """How images of any size become squares of one size.

  Attributes:
    size: side of the squares, in pixels.
    shorter_side: what the image's shorter side is resized to before a square is
      cut out of it, in pixels; at least `size`.
    train_crop: where training squares are cut: "random" at random;
      "resized" takes a rectangle of 8 to 100 % of the image's area and of 3:4
      to 4:3 and resizes it; "center" from the center, as in evaluation.
    flip: mirror training squares left to right with probability one half.
  """

  size: int = 299
  shorter_side: int = 320
  train_crop: str = "random"
  flip: bool = True

  def __post_init__(self) -> None:
    if self.train_crop == "centre":
      warnings.warn(
        "train_crop='centre' is now called 'center'",
        DeprecationWarning,
        stacklevel=3,
      )
      object.__setattr__(self, "train_crop", "center")
    if not 1 <= self.size <= self.shorter_side:
      raise UserError(
        "size, shorter_side: expected a size of at least 1 pixel and a shorter "
        f"side of at least that, got {self.size} and {self.shorter_side}; "
        "choose others"
      )
    check_choice("train_crop", self.train_crop, TRAIN_CROPS)


@dataclass(frozen=True)
class BatchSlice:
  """Which part of every batch is read: equal ones, in order.

  Attributes:
    index: which of them, from 0.
    count: of how many.
  """

  index: int = 0
  count: int = 1

  def __post_init__(self) -> None:
    if not 0 <= self.index < self.count:
      raise UserError(
        "index, count: expected an index from 0 and below the count, got "
        f"{self.index} and {self.count}; choose others"
      )

  def positions(self, batch_size: int) -> range:
    """Those in the batch.

    Raises:
      UserError: a batch has no equal slices.
    """
    if batch_size % self.count:
      raise UserError(
        f"batch_size: expected a multiple of the {self.count} replicas, got "
        f"{batch_size}; choose {_nearest(batch_size, self.count)}"
      )
    size = batch_size // self.count
    return range(self.index * size, (self.index + 1) * size)


WHOLE_BATCH = BatchSlice()


def _nearest(batch_size: int, count: int) -> str:
  below = batch_size // count * count
  return f"{below} or {below + count}" if below else str(count)
