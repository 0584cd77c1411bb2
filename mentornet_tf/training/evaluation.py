"""Accuracy and loss of a student on a finite data set."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """Means over the evaluated examples.

  Attributes:
    accuracy: share of examples whose most probable class is the label.
    loss: mean cross-entropy, in nats.
    num_examples: how many were evaluated.
  """

  accuracy: float
  loss: float
  num_examples: int


class Evaluator:
  """Evaluates a student, compiling its forward pass once.

  Args:
    student: images [B, …] to logits [B, num_classes].
    batches: a finite data set of dicts with "image" and "label".
  """

  def __init__(self, student: keras.Model, batches: tf.data.Dataset):
    self._batches = batches

    @tf.function(reduce_retracing=True)
    def forward(images, labels):
      logits = tf.cast(student(images, training=False), tf.float32)
      losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
      return losses, tf.argmax(logits, axis=1) == labels

    self._forward = forward

  def per_example(self) -> dict[str, np.ndarray]:
    """Losses and hits of every example beside its id and labels, in order.

    Returns:
      "id", "label", "clean_label" [N] int64, "loss" [N] float32, "hit" [N]
      bool.
    """
    columns = {
      name: [] for name in ("id", "label", "clean_label", "loss", "hit")
    }
    for batch in self._batches:
      losses, hits = self._forward(batch["image"], batch["label"])
      for name in ("id", "label", "clean_label"):
        columns[name].append(batch[name].numpy())
      columns["loss"].append(losses.numpy())
      columns["hit"].append(hits.numpy())
    return {name: np.concatenate(parts) for name, parts in columns.items()}

  def __call__(self) -> Evaluation:
    """Evaluates the student as it stands."""
    examples = self.per_example()
    return Evaluation(
      accuracy=float(examples["hit"].mean()),
      loss=float(examples["loss"].mean(dtype=np.float64)),
      num_examples=len(examples["hit"]),
    )
