"""Fills a student with the weights that the golden numbers were taken at.

The recipe is in golden MANIFEST, "Student weights recipe": each variable is
drawn from its own name. Import it as `from recipe_weights import ...`: pytest
has this folder on its path.
"""

import math
import zlib

import keras
import numpy as np

from mentornet_tf.students.tf1_names import tf1_variables


def recipe_value(name: str, shape: tuple[int, ...]) -> np.ndarray:
  """The recipe's float32 value of the original's variable `name`."""
  draw = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
  last = name.rsplit("/", 1)[-1]
  if last in ("DW", "weights"):
    value = draw * math.sqrt(2 / math.prod(shape[:-1]))
  elif last == "gamma":
    value = 1 + 0.1 * draw
  elif last in ("beta", "biases", "moving_mean"):
    value = 0.1 * draw
  elif last == "moving_variance":
    value = 1 + 0.1 * np.abs(draw)
  elif last.startswith(("biased", "local_step")):
    value = np.zeros(shape)
  else:
    raise AssertionError(f"the recipe has no rule for {name}")
  return np.asarray(value, np.float32)


def fill_with_recipe(student: keras.Model) -> dict[str, keras.Variable]:
  """Assigns the recipe's values; returns original name -> variable."""
  variables = tf1_variables(student)
  for name, variable in variables.items():
    variable.assign(recipe_value(name, tuple(variable.shape)))
  return variables
