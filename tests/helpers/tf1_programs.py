"""What TensorFlow 1 programs left behind, for tests to read."""

import numpy as np
import tensorflow as tf
from recipe_weights import recipe_value


def original_values(golden, build: str) -> dict[str, np.ndarray]:
  """Recipe weights of a recorded build by the original's names."""
  return {
    entry["name"]: recipe_value(entry["name"], tuple(entry["shape"]))
    for entry in golden.json("student_variables")["builds"][build]
  }


def write_as_tf1(folder, values, step=7) -> str:
  """Saves named values as a TensorFlow 1 program would; returns the prefix."""
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    for name, value in values.items():
      tf.compat.v1.get_variable(name, initializer=value, use_resource=False)
    session.run(tf.compat.v1.global_variables_initializer())
    saver = tf.compat.v1.train.Saver()
    return saver.save(session, str(folder / "model.ckpt"), global_step=step)
