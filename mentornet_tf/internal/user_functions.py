"""The user's functions, named as "package.module:function"."""

import functools
import importlib
import inspect
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mentornet_tf.errors import UserError

# What code of the user may raise. An `exit()` in it must not end the command
# without a word.
_FAILURES = (Exception, SystemExit)

# Lines in these are not the user's.
_PACKAGE = Path(__file__).resolve().parents[1]
_STANDARD_LIBRARY = Path(inspect.__file__).parent


def load_function(path: str, role: str) -> Callable[..., Any]:
  """Imports the function at "package.module:function".

  Args:
    path: the module's dotted name, a colon and the function's name.
    role: what the function is for; every error message begins with it.

  Returns:
    The function, of which failures are told as `guarded` tells them.

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
  except ModuleNotFoundError as error:
    raise UserError(
      f"{role}: expected a module that can be imported, got {path!r} "
      f"({error}); check the name, and that PYTHONPATH holds its folder"
    ) from error
  except _FAILURES as error:
    raise UserError(
      f"{role}: expected a module that can be imported, got {path!r} "
      f"({_reason(error)}{_place(error)}); correct it, or check the name"
    ) from error
  function = getattr(module, function_name, None)
  if not callable(function):
    found = "no such name" if function is None else type(function).__name__
    raise UserError(
      f"{role}: expected {module_name} to define a function "
      f"{function_name!r}, got {found}; check the part after the colon"
    )
  return guarded(function, path, role)


def guarded(
  function: Callable[..., Any], name: str, role: str
) -> Callable[..., Any]:
  """The function; its failures become one line of the user's.

  Args:
    function: of the user.
    name: of the function, for messages.
    role: what it is for; every error message begins with it.

  Returns:
    A function of the same signature that raises UserError where `function`
    raises anything: its name, the reason, and the line of its file.
  """

  @functools.wraps(function)
  def call(*args: Any, **kwargs: Any) -> Any:
    try:
      return function(*args, **kwargs)
    except UserError:
      raise
    except _FAILURES as error:
      raise failure(error, function, name, role) from error

  return call


def failure(
  error: BaseException, function: Callable[..., Any], name: str, role: str
) -> UserError:
  """What to tell of an error that code of the user raised."""
  place = _place(error) or _definition(function)
  return UserError(
    f"{role}: expected {name} to return a value, got {_reason(error)}{place}; "
    "correct the function"
  )


def signature_of(
  function: Callable[..., Any],
) -> Mapping[str, inspect.Parameter] | None:
  """Parameters of a function; None for one in C that does not tell."""
  try:
    return inspect.signature(function).parameters
  except (TypeError, ValueError):
    return None


def _reason(error: BaseException) -> str:
  text = " ".join(str(error).split())
  kind = type(error).__name__
  return f"{kind}: {text[:300]}" if text else kind


def _place(error: BaseException) -> str:
  """The last line outside installed packages that led to the error."""
  if isinstance(error, SyntaxError) and error.filename:
    return ""  # its text says so
  for frame in reversed(traceback.extract_tb(error.__traceback__)):
    if _is_of_user(frame.filename):
      return f" in {frame.filename}, line {frame.lineno}"
  return ""


def _definition(function: Callable[..., Any]) -> str:
  code = getattr(inspect.unwrap(function), "__code__", None)
  if code is None:
    return ""  # a builtin or a class
  return f" for the function in {code.co_filename}, line {code.co_firstlineno}"


def _is_of_user(filename: str) -> bool:
  path = Path(filename)
  return (
    path.is_file()
    and "site-packages" not in path.parts
    and not path.is_relative_to(_PACKAGE)
    and not path.is_relative_to(_STANDARD_LIBRARY)
  )
