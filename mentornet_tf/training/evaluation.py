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
      hits = tf.argmax(logits, axis=1) == labels
      return losses, hits, tf.nn.softmax(logits)

    self._forward = forward

  def per_example(
    self, with_probabilities: bool = False
  ) -> dict[str, np.ndarray]:
    """Losses and hits of every example beside its id and labels, in order.

    Returns:
      "id", "label", "clean_label" [N] int64, "loss" [N] float32, "hit" [N]
      bool; on request "probabilities" [N, num_classes] float32.
    """
    names = ["id", "label", "clean_label", "loss", "hit"]
    if with_probabilities:
      names.append("probabilities")
    columns = {name: [] for name in names}
    for batch in self._batches:
      losses, hits, probabilities = self._forward(
        batch["image"], batch["label"]
      )
      known = batch | {
        "loss": losses,
        "hit": hits,
        "probabilities": probabilities,
      }
      for name, parts in columns.items():
        parts.append(known[name].numpy())
    return {name: np.concatenate(parts) for name, parts in columns.items()}

  def __call__(self) -> Evaluation:
    """Evaluates the student as it stands."""
    examples = self.per_example()
    return Evaluation(
      accuracy=float(examples["hit"].mean()),
      loss=float(examples["loss"].mean(dtype=np.float64)),
      num_examples=len(examples["hit"]),
    )
