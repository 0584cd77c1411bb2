"""A random state that continues where a saved model stopped."""

from collections.abc import Mapping, MutableMapping
from typing import Any

import keras

_KEY = "draws"  # as in files of every version


class SavedRandomState(keras.layers.Layer):
  """Saves the state of `self._seed_generator`, which Keras leaves out."""

  _seed_generator: keras.random.SeedGenerator

  def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
    super().save_own_variables(store)
    store[_KEY] = self._seed_generator.state

  def load_own_variables(self, store: Mapping[str, Any]) -> None:
    values = {name: store[name] for name in [*store.keys()]}
    state = values.pop(_KEY, None)
    super().load_own_variables(values)
    if state is not None:
      self._seed_generator.state.assign(state)
