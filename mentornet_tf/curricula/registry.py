"""Curricula by name, and all their classes."""

from typing import Any

import keras

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.formula_curriculum import FormulaCurriculum
from mentornet_tf.curricula.memory_curriculum import MemoryCurriculum
from mentornet_tf.curricula.mentor_curriculum import MentorCurriculum
from mentornet_tf.curricula.mentor_input import takes_memory
from mentornet_tf.curricula.plain_curricula import (
  OracleCurriculum,
  ThresholdCurriculum,
  UniformCurriculum,
)
from mentornet_tf.curricula.target_weights import list_target_weights
from mentornet_tf.errors import UserError

# Neither trained nor a formula of losses.
_PLAIN = {"threshold": ThresholdCurriculum, "oracle": OracleCurriculum}

CURRICULA = (
  FormulaCurriculum,
  MemoryCurriculum,
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
    known = ["none", "mentornet", "mentormix", *_PLAIN, *list_target_weights()]
    raise UserError(
      f"curriculum: expected one of {', '.join(known)}, or "
      f"package.module:function of your own, got {name!r}"
    )
  return FormulaCurriculum(name, gamma, **options)


def build_mentor_curriculum(
  mentor: keras.Model, **options: Any
) -> MentorCurriculum:
  """The curriculum of a mentor, by the features that it takes.

  Args:
    mentor: see `load_mentor`.
    **options: further arguments of `MentorCurriculum`.
  """
  kind = MemoryCurriculum if takes_memory(mentor) else MentorCurriculum
  return kind(mentor, **options)
