"""Starting TensorFlow without its start-up notes, where it is Keras' back end.

What trains TensorFlow's way, such as the loop of the command line, does not run
under another back end.
"""

import os
import sys
import tempfile

from mentornet_tf.errors import UserError
from mentornet_tf.internal.cores import num_cores


def start_tensorflow(
  device_id: str = "", log_level: int = 2, num_processes: int = 1
) -> None:
  """Imports TensorFlow without its start-up notes.

  They would bury the program's own lines, and no log level stops all of them.
  They are shown if TensorFlow does not start.

  Args:
    device_id: the GPU to use, as CUDA numbers them; CUDA_VISIBLE_DEVICES in the
      environment takes precedence.
    log_level: what of TensorFlow's own lines is shown later: 2 errors, 3 those
      of its end only; TF_CPP_MIN_LOG_LEVEL takes precedence.
    num_processes: how many such processes share this machine at a time: each
      computes with its share of the cores, and takes no more of a GPU's memory
      than it needs.

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
  if num_processes > 1:
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
  sys.stderr.flush()
  standard_error = os.dup(2)
  with tempfile.TemporaryFile() as notes:
    os.dup2(notes.fileno(), 2)
    try:
      import tensorflow as tf

      tf.config.list_physical_devices()
      if num_processes > 1:
        num_threads = max(1, num_cores() // num_processes)
        tf.config.threading.set_intra_op_parallelism_threads(num_threads)
        tf.config.threading.set_inter_op_parallelism_threads(num_threads)
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
