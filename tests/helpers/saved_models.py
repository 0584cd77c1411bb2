"""Saved models loaded as a user's script does, in whatever order it imports.

Nothing is imported at the top: the order of the imports is what is tested.
"""

from importlib import import_module
from importlib.util import find_spec


def predict(imports: list[str], folder: str, names: list[str]) -> list[list]:
  """Loads each model of `folder` after the imports; its output for inputs.npz.

  Args:
    imports: the modules to import, in this order.
    folder: holds `<name>.keras` for each name and "inputs.npz", with an array
      for each name.
    names: of the models.
  """
  find_spec("keras")  # as programs do that look for it without importing it
  for name in imports:
    import_module(name)
  import keras
  import numpy as np

  inputs = np.load(f"{folder}/inputs.npz")
  outputs = []
  for name in names:
    model = keras.saving.load_model(f"{folder}/{name}.keras")
    output = model(inputs[name], training=False)
    outputs.append(keras.ops.convert_to_numpy(output).tolist())
  return outputs
