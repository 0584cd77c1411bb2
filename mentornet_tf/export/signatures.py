"""What an exported model can be called with: functions of TensorFlow alone.

The modules hold plain `tf.Variable`s and traced functions, so that a process
without Keras' classes or this package loads them.
"""

from pathlib import Path

import keras
import tensorflow as tf

from mentornet_tf.curricula.mentor_network import NUM_FEATURES
from mentornet_tf.export.preparation import Preparation


class StudentSignatures(tf.Module):
  """A student from raw images to classes, preprocessing inside.

  Each function returns "classes" [B] int64, "probabilities" [B, K] float32 and
  "logits" [B, K] float32.

  Args:
    student: prepared images [B, height, width, 3] to logits [B, K].
    preparation: makes them of raw ones, as evaluation does.
    classes_file: one class name a line; becomes an asset of the SavedModel.
  """

  def __init__(
    self,
    student: keras.Model,
    preparation: Preparation,
    classes_file: Path,
  ):
    super().__init__()
    self._weights = [variable.value for variable in student.weights]
    self.classes = tf.saved_model.Asset(str(classes_file))

    def predict(images):
      logits = student(images, training=False)
      logits = tf.cast(logits, tf.float32)
      return {
        "classes": tf.argmax(logits, axis=1),
        "probabilities": tf.nn.softmax(logits),
        "logits": logits,
      }

    @tf.function(input_signature=[_images(tf.uint8)])
    def images_uint8(images):
      return predict(preparation.of_pixels(images))

    @tf.function(input_signature=[_images(tf.float32)])
    def images_float(images):
      return predict(preparation.of_pixels(images))

    @tf.function(
      input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")]
    )
    def encoded(image_bytes):
      return predict(preparation.of_encoded(image_bytes))

    self.images_uint8 = images_uint8
    self.images_float = images_float
    self.encoded = encoded

  def signatures(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """Functions by the names they are served under."""
    return {
      "serving_default": self.images_uint8,
      "images_uint8": self.images_uint8,
      "images_float": self.images_float,
      "encoded": self.encoded,
    }


class MentorSignatures(tf.Module):
  """A mentor from features to weights.

  The function takes "features" [B, 4] float32 (loss in nats, loss difference,
  label, epoch percentage) and returns "weights" [B] float32 in 0..1.

  Args:
    mentor: features [B, 4] to logits [B, 1].
  """

  def __init__(self, mentor: keras.Model):
    super().__init__()
    self._weights = [variable.value for variable in mentor.weights]

    @tf.function(
      input_signature=[tf.TensorSpec([None, NUM_FEATURES], name="features")]
    )
    def weights(features):
      return {"weights": tf.sigmoid(mentor(features)[:, 0])}

    self.weights = weights

  def signatures(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """Functions by the names they are served under."""
    return {"serving_default": self.weights}


def _images(dtype: tf.DType) -> tf.TensorSpec:
  return tf.TensorSpec([None, None, None, 3], dtype, "images")
