"""A mentor that sees what training remembers of an example."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mentornet_tf.curricula.memory_columns import NAMES
from mentornet_tf.curricula.memory_decay import DECAY, check_decay
from mentornet_tf.curricula.mentor_base import Mentor
from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor

# Of a mentor that has not been adapted; the epoch is a percentage.
_FIRST_SCALE = [100.0 if name == "epoch" else 1.0 for name in NAMES]


@keras.saving.register_keras_serializable(package="mentornet_tf")
class MemoryMentor(Mentor):
  """One hidden tanh layer on the standardized features of `memory_features`.

  Input shape:
    [B, 8] float32, the columns `memory_columns.NAMES`.

  Output shape:
    [B, 1] float32 logits; the weight is their sigmoid.

  Args:
    hidden_nodes: width of the hidden layer.
    seed: seed of the initial weights.
    decay: of the `TrainingMemory` that its features are averages of.
    **kwargs: passed on to `keras.Model`.
  """

  num_features = len(NAMES)
  feature_names = NAMES

  def __init__(
    self,
    *,
    hidden_nodes: int = 20,
    seed: int = 0,
    decay: float = DECAY,
    **kwargs: Any,
  ):
    super().__init__(seed=seed, **kwargs)
    self.hidden_nodes = hidden_nodes
    self.decay = check_decay(decay)
    # Weights, so that a mentor is restored with them. `adapt` sets them.
    shape = (self.num_features,)
    self.feature_mean = self._weight("feature_mean", shape, "zeros", False)
    self.feature_scale = self._weight("feature_scale", shape, "ones", False)
    self.feature_scale.assign(_FIRST_SCALE)
    self.hidden_kernel = self._weight(
      "hidden_kernel", (self.num_features, hidden_nodes), self._glorot(0)
    )
    self.hidden_bias = self._weight("hidden_bias", (hidden_nodes,), "zeros")
    self.output_kernel = self._weight(
      "output_kernel", (hidden_nodes, 1), self._glorot(1)
    )
    self.output_bias = self._weight("output_bias", (1,), "zeros")

  @property
  def is_adapted(self) -> bool:
    """Whether `adapt` has been called, on it or on what it was restored from.

    Its weights tell, since checkpoints restore nothing else.
    """
    mean, scale = (
      ops.convert_to_numpy(w) for w in (self.feature_mean, self.feature_scale)
    )
    return bool(mean.any()) or not np.array_equal(scale, _FIRST_SCALE)

  def adapt(self, features: np.ndarray) -> None:
    """Standardizes by the mean and deviation of `features` from here on.

    A column that is the same throughout is only shifted.

    Args:
      features: [N, 8], those that the mentor is trained on.

    Raises:
      UserError: another shape, no examples, or values that are not finite.
    """
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or features.shape[1] != self.num_features:
      raise UserError(
        f"features: expected [N, {self.num_features}], got shape "
        f"{list(features.shape)}; stack the columns {', '.join(NAMES)}"
      )
    if not features.size or not np.isfinite(features).all():
      raise UserError(
        "features: expected finite values of at least one example, got "
        f"{'others' if features.size else 'none'}; leave out examples that "
        "have not been visited"
      )
    deviation = features.std(axis=0)
    self.feature_mean.assign(features.mean(axis=0))
    # Rounding alone makes constants of float32 deviate.
    varies = deviation > 1e-6 * np.abs(features).max(axis=0)
    self.feature_scale.assign(np.where(varies, deviation, 1.0))

  def logits(self, features: Tensor) -> Tensor:
    scaled = (features - self.feature_mean) / self.feature_scale
    hidden = ops.tanh(ops.matmul(scaled, self.hidden_kernel) + self.hidden_bias)
    return ops.matmul(hidden, self.output_kernel) + self.output_bias

  def get_config(self) -> dict[str, Any]:
    return {
      **super().get_config(),
      "hidden_nodes": self.hidden_nodes,
      "decay": self.decay,
    }
