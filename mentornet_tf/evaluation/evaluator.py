"""Accuracy and loss of a student on a finite dataset."""

import dataclasses
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from mentornet_tf.settings.metric_columns import TOP


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """Means over the evaluated examples.

  Attributes:
    accuracy: share of examples whose most probable class is the label.
    loss: mean cross-entropy, in nats.
    num_examples: number of evaluated examples.
    top5_accuracy: share of examples whose label is among the five most probable
      classes; None if there are no more than five.
  """

  accuracy: float
  loss: float
  num_examples: int
  top5_accuracy: float | None = None


class Evaluator:
  """Evaluates a student, compiling its forward pass once.

  Args:
    student: images [B, …] to logits [B, num_classes].
    batches: dicts with "image", "label", "clean_label" and "id"; a finite
      dataset or another iterable that can be iterated repeatedly.
  """

  def __init__(
    self, student: keras.Model, batches: Iterable[dict[str, tf.Tensor]]
  ):
    self._batches = batches

    @tf.function(reduce_retracing=True)
    def forward(images, labels):
      logits = tf.cast(student(images, training=False), tf.float32)
      losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
      results = {
        "loss": losses,
        "hit": tf.argmax(logits, axis=1) == labels,
        "probabilities": tf.nn.softmax(logits),
      }
      if logits.shape[-1] > TOP:
        results["top5_hit"] = tf.math.in_top_k(labels, logits, TOP)
      return results

    self._forward = forward

  def per_example(
    self, with_probabilities: bool = False
  ) -> dict[str, np.ndarray]:
    """Losses and hits of all examples with their ids and labels, in order.

    Args:
      with_probabilities: whether to return the probabilities of the classes.

    Returns:
      "id", "label", "clean_label" [N] int64, "loss" [N] float32, "hit" [N]
      bool, "top5_hit" [N] bool if there are more than five classes, and on
      request "probabilities" [N, num_classes] float32.
    """
    columns: dict[str, list[np.ndarray]] = {}
    for batch in self._batches:
      known = {name: batch[name] for name in ("id", "label", "clean_label")}
      known |= self._forward(batch["image"], batch["label"])
      if not with_probabilities:
        del known["probabilities"]
      for name, part in known.items():
        columns.setdefault(name, []).append(part.numpy())
    return {name: np.concatenate(parts) for name, parts in columns.items()}

  def __call__(self) -> Evaluation:
    """Evaluates the current student."""
    examples = self.per_example()
    return Evaluation(
      accuracy=float(examples["hit"].mean()),
      loss=float(examples["loss"].mean(dtype=np.float64)),
      num_examples=len(examples["hit"]),
      top5_accuracy=(
        float(examples["top5_hit"].mean()) if "top5_hit" in examples else None
      ),
    )
