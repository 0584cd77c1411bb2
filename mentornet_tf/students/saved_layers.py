"""The layers of this package's students, for loading saved models.

Keras finds a class of a saved model only where its module has been imported.
"""

from collections.abc import Mapping
from typing import Any

import keras

from mentornet_tf.students.local_response_normalization import (
  LocalResponseNormalization,
)
from mentornet_tf.students.pooled_convolution import PooledConvolution
from mentornet_tf.students.resnet import ChannelPadding
from mentornet_tf.students.zero_debiased_batch_normalization import (
  ZeroDebiasedBatchNormalization,
)

_CLASSES = (
  ChannelPadding,
  LocalResponseNormalization,
  PooledConvolution,
  ZeroDebiasedBatchNormalization,
)


def deserialize_student(
  config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> keras.Model:
  """The student that Keras has serialised as `config`.

  Args:
    config: of a student of this package or of the user's own.
    custom_objects: the user's classes by name, where they are not registered.
  """
  known = {each.__name__: each for each in _CLASSES}
  return keras.saving.deserialize_keras_object(
    config, known | dict(custom_objects or {})
  )
