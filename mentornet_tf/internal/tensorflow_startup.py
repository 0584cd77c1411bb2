"""Starting TensorFlow without its start-up notes."""

import os
import sys
import tempfile


def start_tensorflow(device_id: str = "") -> None:
  """Imports TensorFlow without its start-up notes.

  They would bury the program's own lines, and no log level stops all of them.
  They are shown if TensorFlow does not start.

  Args:
    device_id: the GPU to use, as CUDA numbers them; CUDA_VISIBLE_DEVICES in the
      environment takes precedence.
  """
  if device_id:
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", device_id)
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
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
