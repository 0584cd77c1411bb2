"""When a mentor is updated during its student's training, and how."""

import dataclasses

from mentornet_tf.errors import UserError
from mentornet_tf.mentor_training.recipes import MentorRecipe
from mentornet_tf.settings import DECISION_THRESHOLD, check_update_times

# A lower rate than for training on a grid: a clean-labeled subset is small,
# and the mentor keeps the state that does best on a held-out fifth of it.
UPDATE_RECIPE = MentorRecipe(steps=600, learning_rate=0.03)


@dataclasses.dataclass(frozen=True)
class UpdateSchedule:
  """When and how a mentor is updated during its student's training.

  Attributes:
    at: increasing fractions of the student's training, each in (0, 1).
    recipe: how the mentor is trained at each of them.
    decision_threshold: labels that the mentor finds clean with a probability
      above this get weights near 1, all others weights near 0. With 0 the
      probability is the weight.
    seed: seed of the split and order of the examples.
  """

  at: tuple[float, ...]
  recipe: MentorRecipe = UPDATE_RECIPE
  _: dataclasses.KW_ONLY
  decision_threshold: float = DECISION_THRESHOLD
  seed: int = 0

  def __post_init__(self):
    if not 0 <= self.decision_threshold < 1:
      raise UserError(
        "decision_threshold: expected a number from 0 to below 1, got "
        f"{self.decision_threshold}; with 0 the mentor's probabilities are the "
        "weights"
      )
    check_update_times(self.at, "at")

  def steps(self, total_steps: int) -> list[int]:
    """The steps after which updates are due, increasing.

    Raises:
      UserError: two updates fall on the same step, or one on the first or last.
    """
    steps = [round(fraction * total_steps) for fraction in self.at]
    inside = steps[0] >= 1 and steps[-1] < total_steps
    if not inside or len(set(steps)) < len(steps):
      raise UserError(
        f"at: expected updates at different steps of the {total_steps}, got "
        f"the steps {', '.join(map(str, steps))}; choose other fractions or "
        "train longer"
      )
    return steps

  def steps_after(self, step: int, total_steps: int) -> list[int]:
    """Those of `steps` that come after `step`."""
    return [due for due in self.steps(total_steps) if due > step]
