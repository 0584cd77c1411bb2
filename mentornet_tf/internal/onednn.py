"""Whether TensorFlow computes by oneDNN, which other forms of a layer suit.

It does by default on processors with AVX512_VNNI and later instructions, and
elsewhere with TF_ENABLE_ONEDNN_OPTS=1 in the environment.
"""

import keras


def uses_onednn() -> bool:
  """True where Keras' back end is TensorFlow, and oneDNN is switched on."""
  if keras.backend.backend() != "tensorflow":
    return False
  # There is no public name; what is built on it only becomes slower without.
  try:
    from tensorflow.python.util import _pywrap_util_port
  except ImportError:
    return False
  return bool(_pywrap_util_port.IsMklEnabled())
