"""What an exported model can be called with: functions of TensorFlow alone.

The modules hold plain `tf.Variable`s and traced functions, so that a process
without Keras' classes or this package loads them.
"""

from pathlib import Path

import keras
import tensorflow as tf

from mentornet_tf.curricula.memory_columns import NAMES
from mentornet_tf.curricula.mentor_base import NUM_FEATURES
from mentornet_tf.curricula.mentor_input import takes_memory
from mentornet_tf.export.heads import Head
from mentornet_tf.export.preparation import Preparation


class StudentSignatures(tf.Module):
  """A student from raw images to classes, preprocessing inside.

  Each function returns what `Head.serve` does.

  Args:
    student: from prepared images [B, height, width, channels] to [B, K].
    preparation: makes them of raw ones.
    head: what the student's output means.
    classes_file: one class name a line; becomes an asset of the SavedModel.
  """

  def __init__(
    self,
    student: keras.Model,
    preparation: Preparation,
    head: Head,
    classes_file: Path,
  ):
    super().__init__()
    self.classes = tf.saved_model.Asset(str(classes_file))

    def predict(images):
      return head.serve(student(images, training=False))

    def images_signature(dtype):
      spec = tf.TensorSpec([None, *preparation.image_shape], dtype, "images")

      @tf.function(input_signature=[spec])
      def of_images(images):
        return predict(preparation.of_pixels(images))

      return of_images

    @tf.function(
      input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")]
    )
    def encoded(image_bytes):
      return predict(preparation.of_encoded(image_bytes))

    self.images_uint8 = images_signature(tf.uint8)
    self.images_float = images_signature(tf.float32)
    if preparation.reads_files:
      self.encoded = encoded
    # Those of the student, and what a user's preparation goes by.
    self._variables = self.images_float.get_concrete_function().variables

  def signatures(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """Functions by the names they are served under."""
    served = {
      "serving_default": self.images_uint8,
      "images_uint8": self.images_uint8,
      "images_float": self.images_float,
    }
    if hasattr(self, "encoded"):
      served["encoded"] = self.encoded
    return served


class MentorSignatures(tf.Module):
  """A mentor from features to weights.

  The function takes "features" [B, 4] float32 (loss in nats, loss difference,
  label, epoch percentage) and returns "weights" [B] float32 in 0..1. That of a
  mentor which sees the memory of training takes eight features [B] by their
  names, `curricula.memory_columns.NAMES`.

  Args:
    mentor: features [B, 4] or [B, 8] to logits [B, 1].
  """

  def __init__(self, mentor: keras.Model):
    super().__init__()
    self._weights = [variable.value for variable in mentor.weights]

    def weights(features):
      return {"weights": tf.sigmoid(mentor(features)[:, 0])}

    def weights_by_name(*columns):
      return weights(tf.stack(columns, axis=1))

    if takes_memory(mentor):
      specs = [tf.TensorSpec([None], name=name) for name in NAMES]
      self.weights = tf.function(weights_by_name, input_signature=specs)
    else:
      specs = [tf.TensorSpec([None, NUM_FEATURES], name="features")]
      self.weights = tf.function(weights, input_signature=specs)

  def signatures(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """Functions by the names they are served under."""
    return {"serving_default": self.weights}
