"""What a `MentoredModel` refuses of its parts, and warns of."""

import warnings
from typing import Any

import keras

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.mentormix import MentorMix
from mentornet_tf.errors import UserError


def check_curriculum(curriculum: Any, weigh_by_average: bool) -> None:
  """Raises UserError unless it is a curriculum that can weigh as asked."""
  if not isinstance(curriculum, Curriculum):
    raise UserError(
      "curriculum: expected a Curriculum, for instance MentorCurriculum("
      f'load_mentor("mentornet_pd")), got {curriculum!r}'
    )
  if weigh_by_average and not curriculum.uses_losses:
    raise UserError(
      "weigh_by_average: expected a curriculum that weighs by losses, got "
      f"{type(curriculum).__name__}; choose another, or leave the average out"
    )
  if keras.ops.convert_to_numpy(curriculum.loss_moving_average) != 0:
    warnings.warn(
      "curriculum: it has weighed another model's losses, and continues from "
      "their moving average; give each model its own, by clone()",
      stacklevel=4,
    )


def check_mixing(mixing: Any) -> None:
  """Raises UserError unless it is a `MentorMix`."""
  if not isinstance(mixing, MentorMix):
    raise UserError(
      "mixing: expected a MentorMix, for instance MentorMix(alpha=8.0), or "
      f"None, got {mixing!r}"
    )


def check_without(model_class: type, **parts: Any) -> None:
  """Raises UserError where a part is given that only a subclass takes."""
  for name, part in parts.items():
    if part is not None:
      raise UserError(
        f"{name}: expected None for {model_class.__name__}, got {part!r}; "
        "derive the class from MentorMixModel or RefinedLabelsModel"
      )
