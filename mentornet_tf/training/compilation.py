"""Which models XLA can compile."""

import keras

from mentornet_tf.errors import UserError


def check_compiles(model: keras.Model) -> None:
  """Raises UserError where a part of `model` says that XLA cannot take it."""
  for part in model._flatten_layers():
    if not part.supports_jit and part is not model:
      raise UserError(
        "jit_compile: expected a model that XLA compiles, got "
        f"{type(part).__name__}, which {keras.backend.backend()} computes "
        "outside XLA only; leave jit_compile out"
      )
