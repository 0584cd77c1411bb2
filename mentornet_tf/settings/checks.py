"""Checks of settings that are texts with a meaning of their own."""

import itertools
from collections.abc import Sequence

from mentornet_tf.curricula.dropout_rates import parse_example_dropout_rates
from mentornet_tf.curricula.target_weights import list_target_weights
from mentornet_tf.errors import UserError
from mentornet_tf.students.registry import student_names

# What `curriculum` knows beside the formulas.
BASELINE, MENTORNET, MENTORMIX = "none", "mentornet", "mentormix"
ORACLE = "oracle"
_PLAIN = ("threshold", ORACLE)


def check_student(name: str) -> None:
  """Raises UserError unless `name` is what `build_student` takes."""
  if name not in student_names() and ":" not in name:
    raise UserError(
      f"studentnet: expected one of {', '.join(student_names())}, or "
      f"package.module:function of your own, got {name!r}"
    )


def check_curriculum(name: str) -> None:
  """Raises UserError unless `name` is a curriculum of a run."""
  _check_weighing("curriculum", name, [BASELINE, MENTORNET, MENTORMIX])


def check_mentormix_weights(name: str) -> None:
  """Raises UserError unless `name` weighs what MentorMix mixes."""
  _check_weighing("mentormix_weights", name, [MENTORNET])


def _check_weighing(parameter: str, name: str, others: list[str]) -> None:
  formulas = list_target_weights()
  plain = [*others, *_PLAIN]
  known = name in plain or name.removeprefix("vstar_") in formulas
  if not known and ":" not in name:
    raise UserError(
      f"{parameter}: expected one of {', '.join([*plain, *formulas])}, or "
      f"package.module:function of your own, got {name!r}"
    )


def check_dropout_rates(text: str) -> None:
  """Raises UserError unless `text` is what example dropout takes."""
  parse_example_dropout_rates(text)


def check_update_times(
  times: Sequence[float], parameter: str = "update_mentor_at"
) -> None:
  """Raises UserError unless `times` increase from above 0 to below 1."""
  edges = (0.0, *times, 1.0)
  increasing = all(a < b for a, b in itertools.pairwise(edges))
  if not times or not increasing:
    raise UserError(
      f"{parameter}: expected increasing fractions of training between 0 and "
      f"1, got {', '.join(map(str, times)) or 'none'}; for instance 0.21,0.75"
    )


def parse_update_times(text: str) -> tuple[float, ...]:
  """Fractions of training from "0.21,0.75"; none from an empty text.

  Raises:
    UserError: a part is not a number, or they do not increase within (0, 1).
  """
  if not text:
    return ()
  try:
    times = tuple(float(part) for part in text.split(","))
  except ValueError:
    raise UserError(
      f"update_mentor_at: expected numbers separated by commas, got {text!r}; "
      "for instance 0.21,0.75"
    ) from None
  check_update_times(times)
  return times
