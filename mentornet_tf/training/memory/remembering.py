"""What a step of `fit` hands to the memory."""

from typing import TYPE_CHECKING, Any

import keras

from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor
from mentornet_tf.training import replicas
from mentornet_tf.training.class_probabilities import (
  class_labels,
  class_probabilities,
)
from mentornet_tf.training.device_images import is_plan
from mentornet_tf.training.example_losses import single_loss
from mentornet_tf.training.memory.indexed_inputs import INDEX, is_indexed
from mentornet_tf.training.memory.training_memory import TrainingMemory
from mentornet_tf.training.step_values import MentoredLoss

if TYPE_CHECKING:
  from mentornet_tf.training.mentored_model import MentoredModel


def check_memory(memory: Any) -> None:
  """Raises UserError unless it is a `TrainingMemory` or None."""
  if not isinstance(memory, TrainingMemory | None):
    raise UserError(
      "memory: expected a TrainingMemory, for instance TrainingMemory(50_000, "
      f"10), or None, got {memory!r}"
    )


def remember(
  memory: TrainingMemory,
  model: "MentoredModel",
  x: Tensor,
  y: Tensor,
  loss: MentoredLoss,
) -> None:
  """Takes a step into account.

  Args:
    memory: of the training.
    model: which is trained.
    x: inputs [b, …] with their index.
    y: labels, in any form that the compiled loss takes.
    loss: of the step.

  Raises:
    UserError: there is no index, or the predictions are not over the classes
      of the memory.
  """
  probabilities = class_probabilities(
    single_loss(model, y, loss.prediction), loss.prediction, memory.from_logits
  )
  if probabilities.shape[1] != memory.num_classes:
    raise UserError(
      f"num_classes: expected {probabilities.shape[1]}, as many as the student "
      f"predicts, got {memory.num_classes}; give that to TrainingMemory"
    )
  index, labels, probabilities = replicas.gather(
    (_index(x), class_labels(y, loss.prediction), probabilities)
  )
  memory.observe(
    index,
    labels=labels,
    loss=loss.weighed.loss,
    weight=loss.weighed.weight_before_dropout,
    probabilities=probabilities,
    mask=loss.weighed.mask,
  )


class _CheckMemory(keras.callbacks.Callback):
  def __init__(self, memory: TrainingMemory):
    super().__init__()
    self._memory = memory

  def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
    self._memory.check()


def checking(
  memory: TrainingMemory | None, arguments: dict[str, Any]
) -> dict[str, Any]:
  """Arguments of `fit` by which each epoch ends in `memory.check()`."""
  callbacks = arguments.get("callbacks")
  if memory is None or isinstance(callbacks, keras.callbacks.CallbackList):
    return arguments
  given = keras.tree.flatten(callbacks or [])
  return arguments | {"callbacks": [*given, _CheckMemory(memory)]}


def _index(x: Any) -> Tensor:
  if is_indexed(x):
    return x[INDEX]
  if is_plan(x):
    return x["index"]
  raise UserError(
    "x: expected inputs with the index of each example beside a memory, got "
    "inputs alone; give fit what with_index(x) returns, or DeviceImages"
  )
