"""What a step and its memory tell each other."""

from typing import TYPE_CHECKING, Any

import keras

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.memory_curriculum import MemoryCurriculum
from mentornet_tf.curricula.weighed_batch import WeighedBatch
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

if TYPE_CHECKING:
  from mentornet_tf.training.mentored_model import MentoredModel


def check_memory(memory: Any, curriculum: Curriculum) -> None:
  """Raises UserError unless it is the memory that the curriculum needs."""
  if not isinstance(memory, TrainingMemory | None):
    raise UserError(
      "memory: expected a TrainingMemory, for instance TrainingMemory(50_000, "
      f"10), or None, got {memory!r}"
    )
  if memory is None and curriculum.uses_memory:
    raise UserError(
      f"memory: expected a TrainingMemory beside {type(curriculum).__name__}, "
      "whose mentor sees what training remembers, got None; give "
      "TrainingMemory(num_examples, num_classes), and fit what with_index(x) "
      "returns, or DeviceImages"
    )
  if memory is None or not isinstance(curriculum, MemoryCurriculum):
    return
  if curriculum.memory_decay not in (None, memory.decay):
    raise UserError(
      "memory: expected a TrainingMemory with the `decay` "
      f"{curriculum.memory_decay:g} of what the mentor was trained on, got "
      f"{memory.decay:g}; give it that decay, or another mentor"
    )


def weigh_and_remember(
  model: "MentoredModel",
  x: Tensor,
  y: Tensor,
  prediction: Tensor,
  loss: Tensor,
  epoch: Tensor,
  is_clean: Tensor | None,
  mask: Tensor | None,
) -> WeighedBatch:
  """The weights of a step, which its memory remembers, if it has one.

  Args:
    model: which is trained.
    x: see `visits_of`, as for `y`, `prediction` and `loss`.
    y: labels [b, …].
    prediction: [b, …].
    loss: [B] float32.
    epoch: see `Curriculum.weigh`, as for all further arguments.
    is_clean: [B] bool or None.
    mask: [B] bool or None.

  Raises:
    UserError: see `visits_of`.
  """
  memory = model.memory
  if memory is None:
    return model.curriculum.weigh(loss, epoch, is_clean, mask)
  visits = visits_of(model, x, y, prediction, loss, mask)
  remembered = None
  if model.curriculum.uses_memory:
    remembered = memory.preview(**visits)
  weighed = model.curriculum.weigh(loss, epoch, is_clean, mask, remembered)
  memory.observe(weight=weighed.weight_before_dropout, **visits)
  return weighed


def visits_of(
  model: "MentoredModel",
  x: Tensor,
  y: Tensor,
  prediction: Tensor,
  loss: Tensor,
  mask: Tensor | None = None,
) -> dict[str, Tensor]:
  """The visits of a step, as `TrainingMemory` takes them.

  Args:
    model: which is trained, with a memory.
    x: inputs [b, …] of the replica's part, with their index.
    y: their labels, in any form that the compiled loss takes.
    prediction: [b, …] what the curriculum's losses are of.
    loss: [B] float32, these losses, of the global batch.
    mask: [B] bool, which examples count; None for all of them.

  Raises:
    UserError: there is no index, or the predictions are not over the classes
      of the memory.
  """
  memory = model.memory
  assert memory is not None
  probabilities = class_probabilities(
    single_loss(model, y, prediction), prediction, memory.from_logits
  )
  if probabilities.shape[1] != memory.num_classes:
    raise UserError(
      f"num_classes: expected {probabilities.shape[1]}, as many as the student "
      f"predicts, got {memory.num_classes}; give that to TrainingMemory"
    )
  index, labels, probabilities = replicas.gather(
    (_index(x), class_labels(y, prediction), probabilities)
  )
  return {
    "index": index,
    "labels": labels,
    "loss": loss,
    "probabilities": probabilities,
    "mask": mask,
  }


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
