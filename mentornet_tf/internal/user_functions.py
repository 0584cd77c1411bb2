"""The user's functions, named as "package.module:function"."""

import importlib
from collections.abc import Callable
from typing import Any

from mentornet_tf.errors import UserError


def load_function(path: str, role: str) -> Callable[..., Any]:
  """Imports the function at "package.module:function".

  Args:
    path: the module's dotted name, a colon and the function's name.
    role: what the function is for; every error message begins with it.

  Raises:
    UserError: the path is malformed, the module cannot be imported, or it
      defines no such function.
  """
  module_name, _, function_name = path.partition(":")
  if not module_name or not function_name.isidentifier():
    raise UserError(
      f"{role}: expected package.module:function, got {path!r}; write the "
      "module's dotted name, a colon and the function's name"
    )
  try:
    module = importlib.import_module(module_name)
  except (ImportError, ValueError, TypeError, SyntaxError) as error:
    reason = " ".join(str(error).split())
    raise UserError(
      f"{role}: expected a module that can be imported, got {path!r} "
      f"({reason}); check the name, and that PYTHONPATH holds its folder"
    ) from error
  function = getattr(module, function_name, None)
  if not callable(function):
    found = "no such name" if function is None else type(function).__name__
    raise UserError(
      f"{role}: expected {module_name} to define a function "
      f"{function_name!r}, got {found}; check the part after the colon"
    )
  return function
