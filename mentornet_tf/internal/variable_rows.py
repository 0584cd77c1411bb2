"""Rows of large variables, read and written without a copy of the others."""

import keras
from keras import ops

from mentornet_tf.internal.keras_internals import in_stateless_scope
from mentornet_tf.internal.typing import Tensor


def read_rows(variable: keras.Variable, index: Tensor) -> Tensor:
  """[B, …] rows of a variable [N, …].

  Args:
    variable: see above.
    index: [B] int32, in 0..N−1.
  """
  if not _lives_in_place(variable):
    return ops.take(variable.value, index, axis=0)
  import tensorflow as tf

  # Reading all of it would copy it, as it is written in place.
  return tf.gather(variable.value, index)


def write_rows(variable: keras.Variable, index: Tensor, rows: Tensor) -> None:
  """Replaces rows of a variable [N, …].

  Args:
    variable: see above.
    index: [B] int32, in 0..N−1; where some are the same, so are their rows.
    rows: [B, …], of the variable's dtype.
  """
  if not _lives_in_place(variable):
    changed = ops.scatter_update(variable.value, index[:, None], rows)
    variable.assign(changed)
    return
  import tensorflow as tf

  variable.value.scatter_update(tf.IndexedSlices(rows, index))


def _lives_in_place(variable: keras.Variable) -> bool:
  """Whether TensorFlow can replace parts of it; stateless calls replace all."""
  if keras.backend.backend() != "tensorflow" or in_stateless_scope():
    return False
  import tensorflow as tf

  return isinstance(variable.value, tf.Variable)
