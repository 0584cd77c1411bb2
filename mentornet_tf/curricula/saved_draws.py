"""Random draws that go on where a saved model stopped."""

from collections.abc import Mapping, MutableMapping
from typing import Any

_KEY = "draws"


class SavedDraws:
  """Saves the state of a layer's draws with its weights; Keras leaves it out.

  Comes before `keras.layers.Layer` among the bases of a class that draws from
  `self._seed_generator`.
  """

  def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
    super().save_own_variables(store)
    store[_KEY] = self._seed_generator.state

  def load_own_variables(self, store: Mapping[str, Any]) -> None:
    values = {name: store[name] for name in [*store.keys()]}
    draws = values.pop(_KEY, None)
    super().load_own_variables(values)
    if draws is not None:
      self._seed_generator.state.assign(draws)
