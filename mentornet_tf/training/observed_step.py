"""The training step of the command line, which observes each example."""

from collections.abc import Callable

import tensorflow as tf

from mentornet_tf.training import loop, replicas
from mentornet_tf.training.class_probabilities import class_probabilities
from mentornet_tf.training.example_losses import single_loss
from mentornet_tf.training.memory.indexed_inputs import with_index
from mentornet_tf.training.mentored_model import MentoredModel
from mentornet_tf.training.step_metrics import original_report
from mentornet_tf.training.step_values import MentoredLoss


def training_step(
  model: MentoredModel,
  x: tf.Tensor,
  y: tf.Tensor,
  sample_weight: tf.Tensor | None = None,
  is_clean: tf.Tensor | None = None,
) -> tuple[MentoredLoss, loop.Report]:
  """The step of `fit`, which also returns what it computed.

  Args:
    model: compiled, with an optimizer that is built.
    x: inputs [B, …].
    y: labels, in any form that the compiled loss takes.
    sample_weight: [B], the user's factors of the losses, or None.
    is_clean: [B] bool, whether each label is clean; None where not known.

  Returns:
    The loss with the weights behind it, and what the original logs.
  """
  variables = model.trainable_variables
  with tf.GradientTape() as tape:
    y_pred = model(x, training=True)
    loss = model.mentored_loss(x, y, y_pred, sample_weight, is_clean)
    scaled = model.optimizer.scale_loss(loss.total)
  report = original_report(model, loss)
  # Paper, Algorithm 1, line 10: the step on w.
  model.optimizer.apply(tape.gradient(scaled, variables), variables)
  return loss, report


def observed_step(
  model: MentoredModel,
  has_checked_labels: bool,
  with_examples: bool = False,
  with_probabilities: bool = False,
) -> Callable[[loop.Batch], loop.Report]:
  """A training step of the loop.

  Args:
    model: compiled, with an optimizer that is built.
    has_checked_labels: whether "clean_label" tells of every label of a batch
      if it is clean.
    with_examples: whether "example/id", "example/label", "example/clean_label"
      and "example/loss" [B] are reported.
    with_probabilities: whether "example/probabilities" [B, C] are reported, as
      the student predicted them for what the curriculum was shown.

  Returns:
    A function of a batch. It reports the scalars of the original's TensorBoard,
    "example/weight" [B] before example dropout, and "example/is_clean" [B]
    where that is known.
  """

  def step(batch: loop.Batch) -> loop.Report:
    is_clean = None
    if has_checked_labels:
      is_clean = batch["label"] == batch["clean_label"]
    x = batch["image"]
    if model.memory is not None:
      x = with_index(x, batch["index"])
    loss, report = training_step(model, x, batch["label"], is_clean=is_clean)
    # The losses are those of the global batch, the batch is the replica's part.
    examples = {"is_clean": is_clean} if has_checked_labels else {}
    if with_examples:
      names = ("id", "label", "clean_label")
      examples |= {name: batch[name] for name in names}
    if with_probabilities:
      examples["probabilities"] = class_probabilities(
        single_loss(model, batch["label"], loss.prediction), loss.prediction
      )
    examples = replicas.gather(examples)
    examples["weight"] = loss.weighed.weight_before_dropout
    if with_examples:
      examples["loss"] = loss.weighed.loss
    return report | {f"example/{name}": x for name, x in examples.items()}

  return step
