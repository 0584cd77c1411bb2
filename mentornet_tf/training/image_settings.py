"""What the settings of a run on large images mean for images and student."""

from typing import Any

from mentornet_tf.datasets.reading.preparation import Crop
from mentornet_tf.errors import UserError
from mentornet_tf.training.recipes import TrainingSettings

# Images are resized to this much more than is cut out of them: 320 for 299.
_SHORTER_SIDE, _SIZE = 320, 299


def image_crop(settings: TrainingSettings) -> Crop | None:
  """How images of any size are cut; None where images are small and in memory.

  Without augmentation training images are cut as in evaluation.

  Raises:
    UserError: the sizes or the kind of crop make no sense.
  """
  size = settings.image_size
  if size is None:
    return None
  shorter_side = settings.resize_shorter_side
  if shorter_side is None:
    shorter_side = round(size * _SHORTER_SIDE / _SIZE)
  if not settings.augment:
    return Crop(size, shorter_side, "center", flip=False)
  return Crop(size, shorter_side, settings.train_crop or "random")


def check_cut_alike(
  name: str, crop: Crop | None, settings: TrainingSettings, run: str
) -> None:
  """Raises UserError unless evaluation cuts images as a run's settings say.

  Args:
    name: of the data.
    crop: how they are cut; None where they are small and in memory.
    settings: of the run.
    run: what messages call it.
  """
  expected, got = _evaluated(image_crop(settings)), _evaluated(crop)
  if expected != got:
    raise UserError(
      f"{name}: expected {expected}, as in {run}, got {got}; open the set with "
      "the run's settings"
    )


def _evaluated(crop: Crop | None) -> str:
  if crop is None:
    return "small images in memory"
  return (
    f"streamed images of image_size {crop.size} and resize_shorter_side "
    f"{crop.shorter_side}"
  )


def evaluation_batch_size(settings: TrainingSettings) -> int:
  """How many images to evaluate at a time."""
  # Small images go many at a time; large ones would need gigabytes.
  return 500 if settings.image_size is None else settings.batch_size


def student_options(
  image_size: int | None, weights_path: str | None = None
) -> dict[str, Any]:
  """Options of `build_student` beside the number of classes.

  Args:
    image_size: side of the images; None leaves the student its own.
    weights_path: a file to start from; None starts from random weights.
  """
  options: dict[str, Any] = {}
  if image_size is not None:
    options["input_shape"] = (image_size, image_size, 3)
  if weights_path:
    options["weights_path"] = weights_path
  return options
