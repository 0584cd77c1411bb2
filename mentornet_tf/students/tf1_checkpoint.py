"""Reads students that the original TensorFlow 1 code trained."""

import os
from collections.abc import Iterable, Mapping

import keras
import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.internal.tf1_files import checkpoint_prefix, read_variables
from mentornet_tf.students.tf1_names import tf1_variables

# The biases of the last layer, one per class.
_LOGIT_BIASES = ("CifarNet/logits/biases", "logit/biases")

# Updates after which 1 - 0.9^k is 1 in float32, with room to spare.
_MANY_UPDATES = 1000.0


def load_tf1_student(
  student: keras.Model, path: str | os.PathLike[str]
) -> None:
  """Sets a student's weights from a checkpoint of the original code.

  Reads the variables under the student's own scopes (the first part of a name:
  `CifarNet`, or `init`, `unit_*` and `logit`). All others are ignored:
  `global_step`, `mentor_inputs/…`, `data_util/…`, `mentornet/…`, and the slots
  of optimizers and averages, which are named `<variable>/<slot>`.

  A checkpoint of an evaluation graph lacks the two helpers behind each stored
  mean of the residual nets (`biased`, `local_step`). They are then set as after
  very many updates: `biased` to the stored mean, and `local_step` so large that
  nothing is left to debias. Training continues from the stored mean.

  Args:
    student: a CifarNet or residual net of the checkpoint's size and classes, as
      `build_student` makes them.
    path: a folder with a `checkpoint` file, or a checkpoint prefix.

  Raises:
    UserError: there is no checkpoint, it is damaged, or it does not fit. The
      message names every variable that is missing, left over, of another shape
      or not finite; the student is unchanged.
  """
  prefix = checkpoint_prefix(path)
  variables = tf1_variables(student)
  scopes = {_scope(name) for name in variables}
  arrays = read_variables(
    prefix,
    lambda name: (
      _scope(name) in scopes and name.rpartition("/")[0] not in variables
    ),
  )
  helpers = {name for name in variables if _is_helper(name)}
  if not helpers & arrays.keys():
    arrays |= _helpers_after_many_updates(helpers, arrays)
  problems = _problems(variables, arrays)
  if problems:
    raise UserError(
      f"{prefix}: expected the {len(variables)} variables of the student "
      f"{student.name!r} with {student.output_shape[-1]} classes, got a "
      f"checkpoint that does not fit: {'; '.join(problems)}; name the student "
      "that was trained, with its number of classes"
    )
  for name, variable in variables.items():
    variable.assign(arrays[name])


def tf1_num_classes(path: str | os.PathLike[str]) -> int:
  """Number of classes of the student in a checkpoint of the original code.

  Raises:
    UserError: there is no checkpoint, or no student in it.
  """
  prefix = checkpoint_prefix(path)
  found = read_variables(prefix, _LOGIT_BIASES.__contains__)
  if not found:
    raise UserError(
      f"{prefix}: expected a student's checkpoint with one of the variables "
      f"{', '.join(_LOGIT_BIASES)}, got neither; give the folder of a student "
      "that the original trained"
    )
  return next(iter(found.values())).size


def _scope(name: str) -> str:
  """The first part of a name: "unit" for "unit_1_0/sub1/conv1/DW"."""
  first = name.partition("/")[0]
  return "unit" if first.startswith("unit_") else first


def _is_helper(name: str) -> bool:
  return name.endswith(("/moving_mean/biased", "/moving_mean/local_step"))


def _helpers_after_many_updates(
  helpers: Iterable[str], arrays: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """Values of the helpers whose stored mean is in `arrays`."""
  values = {}
  for name in helpers:
    # "<layer>/<layer>/moving_mean/biased"
    repeated = name.rpartition("/moving_mean/")[0]
    layer = repeated[: len(repeated) // 2]
    if name.endswith("local_step"):
      values[name] = np.float32(_MANY_UPDATES)
    elif f"{layer}/moving_mean" in arrays:
      values[name] = arrays[f"{layer}/moving_mean"]
  return values


def _problems(
  variables: Mapping[str, keras.Variable], arrays: Mapping[str, np.ndarray]
) -> list[str]:
  if all(_is_helper(name) for name in variables.keys() & arrays.keys()):
    return ["it holds none of them, so it is of another network"]
  problems = [
    f"missing {name}" for name in sorted(variables.keys() - arrays.keys())
  ]
  problems += [
    f"left over {name}" for name in sorted(arrays.keys() - variables.keys())
  ]
  for name in sorted(variables.keys() & arrays.keys()):
    expected, got = tuple(variables[name].shape), arrays[name].shape
    if got != expected:
      problems.append(f"{name} has shape {got}, expected {expected}")
    elif arrays[name].dtype.kind != "f" or not np.isfinite(arrays[name]).all():
      problems.append(f"{name} is not made of finite numbers")
  return problems
