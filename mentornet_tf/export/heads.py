"""From what a student gives to classes and probabilities, whatever its head."""

from dataclasses import dataclass

import keras
import tensorflow as tf

from mentornet_tf.errors import UserError
from mentornet_tf.export.layer_order import last_activation
from mentornet_tf.internal.choices import check_choice

OUTPUTS = ("detect", "logits", "probabilities")


@dataclass(frozen=True)
class Head:
  """The end of a student.

  Attributes:
    num_outputs: K, the width of its output; 1 is a binary classifier, which
      tells how likely the second of two classes is.
    outputs: "logits" or "probabilities"; None where they are not known, of
      which nothing can be served.
  """

  num_outputs: int
  outputs: str | None

  @property
  def num_classes(self) -> int:
    return max(self.num_outputs, 2)

  def serve(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
    """What an exported student answers.

    Args:
      outputs: [B, K] of the student, of any float dtype.

    Returns:
      "classes" [B] int64, "probabilities" [B, num_classes] float32 and, of a
      student that gives them, "logits" [B, K] float32. K logits go through
      softmax, one goes through sigmoid; probabilities stay as they are.
    """
    outputs = tf.cast(outputs, tf.float32)
    if self.outputs == "probabilities":
      if self.num_outputs == 1:
        outputs = tf.concat([1 - outputs, outputs], axis=1)
      return {
        "classes": tf.argmax(outputs, axis=1),
        "probabilities": outputs,
      }
    if self.num_outputs == 1:
      return {
        "classes": tf.cast(outputs[:, 0] > 0, tf.int64),
        "probabilities": tf.sigmoid(tf.concat([-outputs, outputs], axis=1)),
        "logits": outputs,
      }
    return {
      "classes": tf.argmax(outputs, axis=1),
      "probabilities": tf.nn.softmax(outputs),
      "logits": outputs,
    }


def find_head(
  student: keras.Model, images: keras.KerasTensor, outputs: str = "detect"
) -> Head:
  """The head of a student.

  Args:
    student: from images to one output [B, K].
    images: what the student takes, [B, height, width, channels].
    outputs: "logits" or "probabilities", what the student gives; "detect" reads
      it off the last layers where they tell.

  Raises:
    UserError: the student has several outputs or one of another form, or
      `outputs` contradicts its last layer.
  """
  given = student(images)
  if isinstance(given, (list, tuple, dict)):
    raise UserError(
      "student: expected one output [B, classes], got a "
      f"{type(given).__name__} of {len(given)}; {_ONE_OUTPUT}"
    )
  shape = tuple(given.shape)
  if len(shape) != 2 or not shape[1]:
    raise UserError(
      f"student: expected one output [B, classes], got {list(shape)}; "
      f"{_ONE_OUTPUT}"
    )
  activation = last_activation(student)
  if activation == "softmax" and shape[1] == 1:
    raise UserError(
      "student: expected two or more outputs of a softmax, got one, whose "
      "probability is always 1; end the student in a sigmoid or two outputs"
    )
  found = activation and (
    "logits" if activation == "linear" else "probabilities"
  )
  check_choice("outputs", outputs, OUTPUTS)
  if outputs == "detect":
    return Head(shape[1], found)
  if found not in (None, outputs):
    raise UserError(
      f"outputs: expected {found!r}, which the student's last layer "
      f"({activation}) gives, got {outputs!r}; leave it out"
    )
  return Head(shape[1], outputs)


def refuse_unknown(head: Head) -> None:
  """Raises UserError where it is not known what a student gives."""
  if head.outputs is None:
    raise UserError(
      "outputs: expected 'logits' or 'probabilities', as the student's last "
      "layers do not tell which they give, got neither; say which it is"
    )


_ONE_OUTPUT = (
  "build a keras.Model that ends in the output to serve, or use model.export() "
  "of Keras"
)
