"""Objects of this package out of saved Keras models.

Keras finds a class of a saved model only where its module has been imported.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import keras


def deserialize(
  config: Mapping[str, Any],
  classes: Iterable[type],
  custom_objects: Mapping[str, Any] | None = None,
) -> Any:
  """What Keras has serialised as `config`.

  Args:
    config: of an object of `classes`, made up of such, or of the user's own.
    classes: of this package.
    custom_objects: the user's classes by name, where they are not registered.
  """
  known = {each.__name__: each for each in classes}
  return keras.saving.deserialize_keras_object(
    config, known | dict(custom_objects or {})
  )
