"""SPADE: the step that trains a student under a curriculum."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.mentormix import MentorMix
from mentornet_tf.curricula.refined_labels import RefinedLabels
from mentornet_tf.curricula.registry import CURRICULA
from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.curricula.weighed_batch import WeighedBatch
from mentornet_tf.internal.keras_internals import compiled_loss
from mentornet_tf.internal.keras_saving import deserialize
from mentornet_tf.internal.typing import Tensor
from mentornet_tf.students.saved_layers import STUDENT_LAYERS
from mentornet_tf.training import ema, replicas, step_metrics
from mentornet_tf.training.array_checks import check_arrays
from mentornet_tf.training.example_losses import (
  ExampleLosses,
  example_losses,
  pack_labels,
  single_loss,
)
from mentornet_tf.training.memory.indexed_inputs import check_index
from mentornet_tf.training.memory.remembering import (
  check_memory,
  checking,
  weigh_and_remember,
)
from mentornet_tf.training.memory.training_memory import TrainingMemory
from mentornet_tf.training.model_checks import check_curriculum, check_without
from mentornet_tf.training.step_values import MentoredLoss, TrainingBatch
from mentornet_tf.training.student_model import StudentModel
from mentornet_tf.training.weighing import weigh_examples

# JAX has no int64 by default.
_LARGE_INTEGER = "int32" if keras.backend.backend() == "jax" else "int64"


@keras.saving.register_keras_serializable(package="mentornet_tf")
class MentoredModel(StudentModel):
  """Trains `student` on a loss whose examples `curriculum` weighs (SPADE).

  Predicts and evaluates as the student alone. Every training step follows paper
  Algorithm 1: losses of the batch, weights from the losses, one optimizer step
  of the student on mean(ℓ·v) + penalties · mean(v). The weights multiply the
  user's own sample weights. An example without a label (`ignore_class`) or with
  a sample weight of 0 is treated as absent: it has no weight and enters no
  percentile.

  A step is a batch, however large: the last one of an epoch may be smaller, and
  its percentile is that of fewer losses.

  Args:
    student: maps a batch of inputs to one output [B, …], such as logits [B,
      num_classes]; its penalties (regularizers, `add_loss`) are the weight
      decay.
    curriculum: maps losses [B] and the percentage of training to weights [B].
    total_steps: number of batches of the whole training, over all calls of
      `fit`; progress is counted in percent of it.
    mixing: a `MentorMix`; the model is then a `MentorMixModel`.
    refining: a `RefinedLabels`, by name; the model is then a
      `RefinedLabelsModel`, with or without `mixing`.
    weigh_by_average: whether the curriculum sees the losses of the EMA student,
      the average of the student's weights that the optimizer then has to keep
      (`use_ema=True`), computed as in evaluation. They tell noisy labels better
      and cost another forward pass. The student still learns from its own.
    original_metrics: whether `fit` reports what the original code logs, under
      its names, besides `mean_weight` and `loss_percentile`.
    memory: a `TrainingMemory` of the training examples, whose batches then come
      with their index (`with_index`, `DeviceImages`); None remembers nothing.
      A `MemoryCurriculum` needs it.
    **kwargs: further arguments of `keras.Model`.

  Raises:
    UserError: an argument of another kind or out of range.
  """

  def __new__(cls, *args: Any, **kwargs: Any) -> "MentoredModel":
    mixing = kwargs.get("mixing", args[3] if len(args) > 3 else None)
    if cls is MentoredModel and kwargs.get("refining") is not None:
      from mentornet_tf.training.refined_labels_model import RefinedLabelsModel

      cls = RefinedLabelsModel
    elif cls is MentoredModel and mixing is not None:
      from mentornet_tf.training.mentormix_model import MentorMixModel

      cls = MentorMixModel
    return super().__new__(cls, *args, **kwargs)

  def __init__(
    self,
    student: keras.Model,
    curriculum: Curriculum,
    total_steps: int,
    mixing: MentorMix | None = None,
    weigh_by_average: bool = False,
    original_metrics: bool = False,
    memory: TrainingMemory | None = None,
    judge_by_average: bool | None = None,
    refining: RefinedLabels | None = None,
    **kwargs: Any,
  ):
    super().__init__(student, total_steps, **kwargs)
    check_without(type(self), mixing=mixing, refining=refining)
    if judge_by_average is not None:
      warnings.warn(
        "judge_by_average is deprecated; use weigh_by_average",
        DeprecationWarning,
        stacklevel=2,
      )
      weigh_by_average = judge_by_average
    check_curriculum(curriculum, weigh_by_average)
    check_memory(memory, curriculum)
    self.memory = memory
    self.curriculum = curriculum
    self.weigh_by_average = weigh_by_average
    self.original_metrics = original_metrics
    self.used_examples = self.counter("used_examples", _LARGE_INTEGER)
    self._step_metrics = step_metrics.make_metrics(
      original_metrics, curriculum.clean_share is not None
    )
    # Whether the step was last traced for training.
    self._in_training = True

  def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
    """As Keras' own; a memory checks its indices as each epoch ends."""
    y = args[0] if args else kwargs.get("y")
    check_arrays(self, x, y, kwargs.get("validation_data"))
    check_index(x)
    return super().fit(x, *args, **checking(self.memory, kwargs))

  def compute_metrics(
    self, x: Tensor, y: Tensor, y_pred: Tensor, sample_weight: Any = None
  ) -> dict[str, Any]:
    # JAX builds metrics before the loss.
    single_loss(self, pack_labels(y, y_pred), y_pred)
    return super().compute_metrics(x, y, y_pred, sample_weight)

  def compute_loss(
    self,
    x: Tensor = None,
    y: Tensor = None,
    y_pred: Tensor = None,
    sample_weight: Tensor | None = None,
    training: bool = True,
  ) -> Tensor:
    """The loss that Keras differentiates; in evaluation, Keras' own."""
    y = pack_labels(y, y_pred)
    single_loss(self, y, y_pred)  # refuses what has no loss per example
    self._in_training = training
    if not training:
      return super().compute_loss(x, y, y_pred, sample_weight, training)
    loss = self.mentored_loss(x, y, y_pred, sample_weight)
    step_metrics.update(self._step_metrics, self, loss)
    return replicas.as_keras_loss(loss.total)

  def mentored_loss(
    self,
    x: Tensor,
    y: Tensor,
    y_pred: Tensor,
    sample_weight: Tensor | None = None,
    is_clean: Tensor | None = None,
  ) -> MentoredLoss:
    """SPADE up to the gradient: the loss F(w, v) of a mini-batch.

    The arguments are the attributes of `TrainingBatch`.

    Updates the state of the curriculum and the step. `fit` and the loop of the
    command line both take the gradient of what it returns.
    """
    y = pack_labels(y, y_pred)
    # Read first: another pass of the student would replace what layers added.
    replicas.check_penalties(self.student)
    penalty = self.penalty()
    # Algorithm 1, line 3: the mini-batch that `fit` or the loop has fetched.
    indexed, x = x, self.prepared(x)
    part = replicas.own_part(y_pred)
    batch = TrainingBatch(x, y, y_pred, penalty, sample_weight, is_clean, part)
    # Line 4: φ, of losses and epoch; `weigh` adds the percentile difference.
    loss = self.batch_losses(batch)
    seen_loss, prediction = self.seen_by_curriculum(
      x, loss.values, y_pred, lambda y_pred: self.per_example_loss(y, y_pred)
    )
    epoch = training_percent(self.step.value, self.total_steps)
    own_loss, seen_loss, is_clean, mask = replicas.gather(
      (loss.values, seen_loss, is_clean, loss.mask)
    )
    # Lines 5 to 7: the mentor's own training runs between steps, in joint/.
    # Line 8 where the curriculum is a formula, line 9 where it is a mentor.
    weighed = weigh_and_remember(
      self, indexed, y, prediction, seen_loss, epoch, is_clean, mask
    )
    # Line 10: F(w, v), whose gradient Keras or the loop takes.
    weighted, penalty = replicas.summed(
      self.student_loss(batch, loss, weighed, prediction)
    )
    total = weighted + penalty
    replicas.average_statistics(self.student)
    # Line 11. Nothing reads the step between here and the gradient.
    self.step.assign_add(1)
    used = step_metrics.count_used(weighed.weight)
    self.used_examples.assign_add(ops.cast(used, _LARGE_INTEGER))
    return MentoredLoss(total, weighted, own_loss, weighed, prediction)

  def batch_losses(self, batch: TrainingBatch) -> ExampleLosses:
    """The losses of a batch that its weights are computed from."""
    loss = single_loss(self, batch.y, batch.y_pred)
    return example_losses(loss, batch.y, batch.y_pred, batch.sample_weight)

  def student_loss(
    self,
    batch: TrainingBatch,
    loss: ExampleLosses,
    weighed: WeighedBatch,
    prediction: Tensor,
  ) -> tuple[Tensor, Tensor]:
    """mean(ℓ·v) and penalties · mean(v), two scalars.

    With several replicas, the terms of this one, which add up to them.

    Args:
      batch: of the replica.
      loss: its losses.
      weighed: the weights of the global batch.
      prediction: [b, …] what `weighed.loss` are the losses of.
    """
    del prediction
    weight = batch.part.of(weighed.weight)
    weights = loss.sample_weights(weight, batch.sample_weight)
    weighted = compiled_loss(self, batch.y, batch.y_pred, weights)
    penalty = batch.part.share_of(batch.penalty)
    return loss.term_of_mean(weighted), penalty * weighed.mean_weight

  def per_example_loss(self, y: Tensor, y_pred: Tensor) -> Tensor:
    """[B] float32 losses of the compiled loss, before any reduction."""
    y = pack_labels(y, y_pred)
    return example_losses(single_loss(self, y, y_pred), y, y_pred).values

  def seen_by_curriculum(
    self,
    x: Tensor,
    own_loss: Tensor,
    y_pred: Tensor,
    loss_of: Callable[[Tensor], Tensor],
  ) -> tuple[Tensor, Tensor]:
    """What the curriculum sees: losses, and the predictions that led to them.

    Args:
      x: what the student was given.
      own_loss: [B] float32, its own losses in training.
      y_pred: [B, …], its own predictions in training.
      loss_of: from predictions [B, …] to losses [B].

    Returns:
      [B] float32, and predictions [B, …].

    Raises:
      UserError: `weigh_by_average`, and the optimizer keeps no average.
    """
    if not self.weigh_by_average:
      return own_loss, y_pred
    averaged, is_first = ema.averaged_prediction(self, x)
    loss = ops.where(is_first, own_loss, loss_of(averaged))
    return loss, keras.tree.map_structure(
      lambda own, average: ops.where(is_first, own, average), y_pred, averaged
    )

  def weigh(
    self, x: Any, y: Tensor | None = None, batch_size: int = 32
  ) -> np.ndarray:
    """Weights of examples at the present point of training.

    They are those before example dropout, from the losses of the student as it
    predicts. Nothing is updated; see `Curriculum.weights_without_update`.

    Args:
      x: arrays of N inputs, or structures of them; or a finite data set of
        batches with their labels (`tf.data`, `PyDataset`, any iterable).
      y: labels of the arrays.
      batch_size: of arrays.

    Returns:
      [N] float32 in 0..1, in the order of the examples.

    Raises:
      UserError: no examples, arrays without labels or of other lengths, or no
        training yet: the percentile's moving average starts at 0.
    """
    return weigh_examples(self, x, y, batch_size)

  def get_metrics_result(self) -> dict[str, Any]:
    results = super().get_metrics_result()
    if not self._in_training:  # nothing is weighed in evaluation
      for metric in self._step_metrics:
        results.pop(metric.name, None)
    return results

  def load_own_variables(self, store: Mapping[str, Any]) -> None:
    if len(store.keys()) == 1:
      self.used_examples.assign(store["0"])
      warnings.warn(
        "MentoredModel: this file comes from a version that did not save the "
        "progress of training; assign to `step` before training continues",
        stacklevel=2,
      )
    else:
      super().load_own_variables(store)

  def get_config(self) -> dict[str, Any]:
    serialize = keras.saving.serialize_keras_object
    return {
      **super().get_config(),
      "student": serialize(self.student),
      "curriculum": serialize(self.curriculum),
      "total_steps": self.total_steps,
      "weigh_by_average": self.weigh_by_average,
      "original_metrics": self.original_metrics,
      "memory": self.memory and serialize(self.memory),
    }

  @classmethod
  def from_config(
    cls, config: Mapping[str, Any], custom_objects: Any = None
  ) -> "MentoredModel":
    config = dict(config)
    student = deserialize(config.pop("student"), STUDENT_LAYERS, custom_objects)
    curriculum = deserialize(
      config.pop("curriculum"), CURRICULA, custom_objects
    )
    if "judge_by_average" in config:  # files of earlier versions
      config["weigh_by_average"] = config.pop("judge_by_average")
    for name in ("mixing", "memory", "refining"):
      if config.get(name) is not None:
        config[name] = keras.saving.deserialize_keras_object(config[name])
    return cls(student, curriculum, **config)
