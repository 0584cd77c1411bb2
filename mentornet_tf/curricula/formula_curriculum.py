"""Curricula that are a formula of the losses."""

from typing import Any

import keras
from keras import ops

from mentornet_tf.curricula import target_weights
from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.curriculum_features import curriculum_features
from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor


@keras.saving.register_keras_serializable(package="mentornet_tf")
class FormulaCurriculum(Curriculum):
  """A predefined curriculum applied as a formula (paper, Algorithm 1, line 8).

  The formula is the minimizer v* over the weights, in closed form.

  Args:
    formula: a name of `target_weights`, for instance "self_paced".
    gamma: the formula's parameter; None takes its default.
    **kwargs: further arguments of `Curriculum`.

  Raises:
    UserError: a formula that returns another shape than [B], or weights
      outside 0..1.
  """

  def __init__(self, formula: str, gamma: float | None = None, **kwargs: Any):
    super().__init__(**kwargs)
    self._formula = target_weights.get_formula(formula, gamma)
    self.formula = formula
    self.gamma = gamma
    # A mistake is reported plainly here; from a compiled step it would come
    # wrapped in the back end's own words.
    loss = ops.zeros([3], "float32")
    weights = ops.convert_to_numpy(
      self.example_weights(loss, loss, loss[0], 0, None)
    )
    if not ((weights >= 0) & (weights <= 1)).all():
      raise UserError(
        f"formula {formula!r}: expected weights in 0..1, got {weights[0]} for "
        "features of 0; clip them or correct the function"
      )

  def example_weights(
    self,
    loss: Tensor,
    loss_difference: Tensor,
    percentile_loss: Tensor,
    epoch: Tensor,
    is_clean: Tensor | None,
  ) -> Tensor:
    features = curriculum_features(loss, loss_difference, epoch)
    weights = self._formula(features)
    try:
      weights = ops.cast(weights, "float32")
    except Exception as error:  # of whatever a function of the user returned
      reason = " ".join(str(error).split())
      raise UserError(
        f"formula {self.formula!r}: expected one weight per example, shape "
        f"[B], got no tensor ({reason}); return one"
      ) from error
    expected, got = tuple(ops.shape(loss)), tuple(weights.shape)
    if len(got) != 1 or (
      isinstance(expected[0], int) and got[0] not in (None, expected[0])
    ):
      raise UserError(
        f"formula {self.formula!r}: expected one weight per example, shape "
        f"[{expected[0]}], got shape {list(got)}; drop or reduce the other axes"
      )
    return weights

  def get_config(self) -> dict[str, Any]:
    return {
      **super().get_config(),
      "formula": self.formula,
      "gamma": self.gamma,
    }
