"""What every form of mentor network has in common."""

from typing import Any

import keras
from keras import ops

from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Shape, Tensor

# Of the original's mentors, and of those made like them.
NUM_FEATURES = 4


class Mentor(keras.Model):
  """What all forms share: the input check, and float32 throughout.

  A mentor's weights span several orders of magnitude, and its whole work is a
  few hundred products, so it computes in float32 under every dtype policy.

  Attributes:
    num_features: columns of its input.
    feature_names: what they are, for messages.
  """

  num_features = NUM_FEATURES
  feature_names: tuple[str, ...] = ("loss", "loss difference", "label", "epoch")

  def __init__(self, *, seed: int = 0, **kwargs: Any):
    kwargs["dtype"] = "float32"
    super().__init__(autocast=False, **kwargs)
    self.seed = seed
    self.built = True  # the constructors create every weight

  def _weight(
    self,
    name: str,
    shape: Shape,
    initializer: str | keras.initializers.Initializer,
    trainable: bool = True,
  ) -> keras.Variable:
    return self.add_weight(
      name=name,
      shape=shape,
      initializer=initializer,
      trainable=trainable,
      dtype="float32",
      autocast=False,
    )

  def _normal(self, number: int) -> keras.initializers.Initializer:
    # Each weight has a seed of its own: equal seeds would give equal values.
    return keras.initializers.RandomNormal(0.0, 1.0, seed=self._seed_of(number))

  def _glorot(self, number: int) -> keras.initializers.Initializer:
    return keras.initializers.GlorotUniform(seed=self._seed_of(number))

  def _seed_of(self, number: int) -> int:
    return 16 * self.seed + number

  def call(self, features: Tensor) -> Tensor:
    shape = features.shape
    if len(shape) != 2 or shape[1] not in (None, self.num_features):
      raise UserError(
        f"mentor: expected features [B, {self.num_features}] "
        f"({', '.join(self.feature_names)}), got shape {list(shape)}; stack "
        "the columns"
      )
    return self.logits(ops.cast(features, "float32"))

  def logits(self, features: Tensor) -> Tensor:
    """[B, 1] logits from [B, num_features] float32 features."""
    raise NotImplementedError

  def compute_output_shape(self, input_shape: Shape) -> Shape:
    return (input_shape[0], 1)

  def get_config(self) -> dict[str, Any]:
    return {"name": self.name, "seed": self.seed}
