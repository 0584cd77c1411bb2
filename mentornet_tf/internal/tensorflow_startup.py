"""Starting TensorFlow without its start-up notes, where it is Keras' back end.

What trains TensorFlow's way, such as the loop of the command line, does not run
under another back end.
"""

import os
import sys
import tempfile

from mentornet_tf.errors import UserError


def start_tensorflow(device_id: str = "", log_level: int = 2) -> None:
  """Imports TensorFlow without its start-up notes.

  They would bury the program's own lines, and no log level stops all of them.
  They are shown if TensorFlow does not start.

  Args:
    device_id: the GPU to use, as CUDA numbers them; CUDA_VISIBLE_DEVICES in the
      environment takes precedence.
    log_level: what of TensorFlow's own lines is shown later: 2 errors, 3 those
      of its end only; TF_CPP_MIN_LOG_LEVEL takes precedence.

  Raises:
    UserError: the environment chooses another back end for Keras.
  """
  backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
  if backend != "tensorflow":
    raise UserError(_wrong_backend("the commands", backend))
  if device_id:
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", device_id)
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", str(log_level))
  # Otherwise oneDNN leaves the calling thread idle, one of two on two cores.
  os.environ.setdefault("TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD", "1")
  sys.stderr.flush()
  standard_error = os.dup(2)
  with tempfile.TemporaryFile() as notes:
    os.dup2(notes.fileno(), 2)
    try:
      import tensorflow as tf

      tf.config.list_physical_devices()
    except BaseException:
      notes.seek(0)
      os.write(standard_error, notes.read())
      raise
    finally:
      os.dup2(standard_error, 2)
      os.close(standard_error)


def require_tensorflow(what: str) -> None:
  """Raises UserError unless TensorFlow is the back end of Keras.

  Args:
    what: what needs it, in the plural.
  """
  import keras

  backend = keras.backend.backend()
  if backend != "tensorflow":
    raise UserError(_wrong_backend(what, backend))


def _wrong_backend(what: str, backend: str) -> str:
  return (
    f"KERAS_BACKEND: expected tensorflow for {what}, got {backend}; set it to "
    "tensorflow, or train with fit under other back ends"
  )
