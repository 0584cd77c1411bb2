"""Curricula by name, and out of a saved model."""

from collections.abc import Mapping
from typing import Any

import keras

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.formula_curriculum import FormulaCurriculum
from mentornet_tf.curricula.mentor_curriculum import MentorCurriculum
from mentornet_tf.curricula.plain_curricula import (
  OracleCurriculum,
  ThresholdCurriculum,
  UniformCurriculum,
)
from mentornet_tf.curricula.target_weights import list_target_weights
from mentornet_tf.errors import UserError

# Neither learned nor a formula of losses.
_PLAIN = {"threshold": ThresholdCurriculum, "oracle": OracleCurriculum}

_CLASSES = (
  FormulaCurriculum,
  MentorCurriculum,
  OracleCurriculum,
  ThresholdCurriculum,
  UniformCurriculum,
)


def build_formula(
  name: str, gamma: float | None = None, **options: Any
) -> Curriculum:
  """A curriculum that needs no mentor.

  Args:
    name: "threshold", "oracle" or what `FormulaCurriculum` takes.
    gamma: parameter of a formula; None takes its default.
    **options: further arguments of `Curriculum`.

  Raises:
    UserError: an unknown name, or an option out of range.
  """
  if name in _PLAIN:
    return _PLAIN[name](**options)
  if ":" not in name and (
    name.removeprefix("vstar_") not in list_target_weights()
  ):
    known = ["none", "mentornet", *_PLAIN, *list_target_weights()]
    raise UserError(
      f"curriculum: expected one of {', '.join(known)}, or "
      f"package.module:function of your own, got {name!r}"
    )
  return FormulaCurriculum(name, gamma, **options)


def deserialize_curriculum(
  config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Curriculum:
  """The curriculum that Keras has serialised as `config`.

  Args:
    config: of a class of this package or of the user's own.
    custom_objects: the user's classes by name, where they are not registered.
  """
  # Importing this module has registered the package's own classes.
  known = {each.__name__: each for each in _CLASSES}
  return keras.saving.deserialize_keras_object(
    config, known | dict(custom_objects or {})
  )
