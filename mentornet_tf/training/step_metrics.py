"""What a training step reports, apart from the step.

`fit` shows two means by default. The names and values of the original code are
those of its TensorBoard (golden `mentor_sequence_*`).
"""

from typing import TYPE_CHECKING

import keras
from keras import ops

from mentornet_tf.internal.typing import Tensor

if TYPE_CHECKING:
  from mentornet_tf.training.mentored_model import MentoredModel
  from mentornet_tf.training.step_values import MentoredLoss

# A weight counts as used above this value (golden `mentor_sequence_*`).
_USED_ABOVE = 1e-3

_ORIGINAL_NAMES = (
  "mentornet/orig_loss",
  "mentornet/weighted_loss",
  "mentornet/total_loss",
  "total_loss",
  "learning_rate",
  "data_util/data_util",
  "data_util/batch_sum_v",
  "debug/percentile_loss",
  "debug/dropout_rate",
  "debug/epoch_step",
  "debug/loss_moving_percentile",
)


class LatestValue(keras.metrics.Metric):
  """The value of the latest step, as the original logs it."""

  def __init__(self, name: str):
    super().__init__(name=name)
    # Replicas have the same; by default theirs would be added up.
    self._value = self.add_variable(
      (), "zeros", aggregation="mean", name="value"
    )

  def update_state(self, value: Tensor) -> None:
    self._value.assign(ops.cast(value, self.dtype))

  def result(self) -> Tensor:
    return ops.copy(self._value)  # torch would hand out the variable's memory


def make_metrics(original: bool) -> list[keras.metrics.Metric]:
  """The metrics of a model: two means, and the original's where asked for."""
  return [
    keras.metrics.Mean("mean_weight"),
    keras.metrics.Mean("loss_percentile"),
    *([LatestValue(name) for name in _ORIGINAL_NAMES] if original else []),
  ]


def update(
  metrics: list[keras.metrics.Metric],
  model: "MentoredModel",
  loss: "MentoredLoss",
) -> None:
  """Takes a step into account, after the model has counted it."""
  mean_weight, percentile, *latest = metrics
  mean_weight.update_state(loss.weighed.mean_weight)
  percentile.update_state(loss.weighed.percentile_loss)
  if latest:
    values = original_report(model, loss)
    for metric in latest:
      metric.update_state(values[metric.name])


def original_report(
  model: "MentoredModel", loss: "MentoredLoss"
) -> dict[str, Tensor]:
  """What the original logs of a step that has been counted, by its names."""
  weighed = loss.weighed
  with model.optimizer_scope():
    learning_rate = ops.convert_to_tensor(model.optimizer.learning_rate)
  utilization = data_utilization(
    model.used_examples.value, ops.shape(weighed.loss)[0], model.step.value - 1
  )
  return {
    "mentornet/orig_loss": ops.mean(loss.example_loss),
    "mentornet/weighted_loss": loss.weighted,
    "mentornet/total_loss": loss.total,
    "total_loss": loss.total,
    "learning_rate": ops.cast(learning_rate, "float32"),
    "data_util/data_util": utilization,
    "data_util/batch_sum_v": ops.sum(weighed.weight),
    "debug/percentile_loss": weighed.percentile_loss,
    "debug/dropout_rate": weighed.dropout_rate,
    "debug/epoch_step": weighed.epoch,
    "debug/loss_moving_percentile": weighed.loss_moving_average,
  }


def count_used(weight: Tensor) -> Tensor:
  """How many of the weights [B] count as used: an integer scalar."""
  return ops.count_nonzero(weight > _USED_ABOVE)


def data_utilization(
  used_examples: Tensor, batch_size: Tensor, step: Tensor
) -> Tensor:
  """min(1, N / B / (step + 2)): the share of examples used so far.

  The offset of 2 is the original's (golden `mentor_sequence_*`).
  """
  per_batch = ops.cast(used_examples, "float32") / ops.cast(
    batch_size, "float32"
  )
  return ops.minimum(per_batch / ops.cast(step + 2, "float32"), 1.0)
