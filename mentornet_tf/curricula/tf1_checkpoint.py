"""Reads mentors that the original TensorFlow 1 code trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.curricula.mentor_network import MentorNet
from mentornet_tf.errors import UserError
from mentornet_tf.internal.tf1_files import checkpoint_prefix, read_variables

_SCOPE = "mentornet/"
_LSTM = "bidirectional_rnn/{}/basic_lstm_cell/{}"

# Attribute of MentorNet -> variable of the checkpoint, inside its scope.
VARIABLES = {
  "label_embedding": "label_embedding",
  "epoch_embedding": "epoch_embedding",
  "forward_kernel": _LSTM.format("fw", "kernel"),
  "forward_bias": _LSTM.format("fw", "bias"),
  "backward_kernel": _LSTM.format("bw", "kernel"),
  "backward_bias": _LSTM.format("bw", "bias"),
  "hidden_kernel": "Variable",
  "hidden_bias": "Variable_1",
  "output_kernel": "Variable_2",
  "output_offset": "Variable_3",
}


def load_tf1_mentor(path: str | Path) -> MentorNet:
  """Loads a MentorNet from a TensorFlow 1 checkpoint.

  The sizes of the network come from the checkpoint. Whatever lies outside the
  scope `mentornet/` (global step, a student) and optimizer slots are left out.

  Args:
    path: a folder with a `checkpoint` file, or a checkpoint prefix.

  Returns:
    The mentor, with the checkpoint's weights.

  Raises:
    UserError: no checkpoint there, a damaged one, or one whose mentor variables
      are not exactly those of a MentorNet, naming each.
  """
  prefix = checkpoint_prefix(path)
  arrays = read_variables(prefix, lambda name: name.startswith(_SCOPE))
  _check_names(prefix, arrays)
  values = {a: arrays[_SCOPE + name] for a, name in VARIABLES.items()}
  mentor = MentorNet(**_sizes(prefix, values))
  _check_values(prefix, values, mentor.weight_shapes())
  for attribute, value in values.items():
    getattr(mentor, attribute).assign(value)
  return mentor


def _check_names(prefix: str, arrays: Mapping[str, np.ndarray]) -> None:
  expected = {_SCOPE + name for name in VARIABLES.values()}
  missing = sorted(expected - arrays.keys())
  if missing:
    raise UserError(
      f"{prefix}: expected the {len(expected)} variables of a MentorNet, got a "
      f"checkpoint without {', '.join(missing)}; give a mentor's checkpoint, "
      "not a student's"
    )
  left_over = [
    name
    for name in sorted(arrays.keys() - expected)
    if name.rpartition("/")[0] not in expected  # not an optimizer slot
  ]
  if left_over:
    raise UserError(
      f"{prefix}: expected only the {len(expected)} variables of a MentorNet "
      f"in {_SCOPE}, got also {', '.join(left_over)}; this is another network"
    )


def _sizes(prefix: str, values: Mapping[str, np.ndarray]) -> dict[str, Any]:
  """The network's sizes, from the shapes that define them."""
  defining = ("label_embedding", "epoch_embedding", "forward_kernel")
  wrong = [
    f"{_SCOPE}{VARIABLES[name]} [rows, columns] (got {list(shape)})"
    for name in (*defining, "hidden_kernel")
    if len(shape := values[name].shape) != 2 or 0 in shape
  ]
  if not wrong and values["forward_kernel"].shape[0] < 3:
    got = list(values["forward_kernel"].shape)
    wrong = [f"{_SCOPE}{VARIABLES['forward_kernel']} [3, 4] (got {got})"]
  if wrong:
    raise UserError(
      f"{prefix}: expected {', '.join(wrong)}; this is no MentorNet"
    )
  num_labels, label_width = values["label_embedding"].shape
  num_epochs, epoch_width = values["epoch_embedding"].shape
  return {
    "num_labels": num_labels,
    "label_width": label_width,
    "num_epochs": num_epochs,
    "epoch_width": epoch_width,
    "lstm_units": values["forward_kernel"].shape[0] - 2,
    "hidden_nodes": values["hidden_kernel"].shape[1],
  }


def _check_values(
  prefix: str,
  values: Mapping[str, np.ndarray],
  shapes: Mapping[str, tuple[int, ...]],
) -> None:
  wrong = [
    f"{_SCOPE}{VARIABLES[name]} {list(shape)} (got {list(values[name].shape)})"
    for name, shape in shapes.items()
    if values[name].shape != shape
  ]
  if wrong:
    raise UserError(
      f"{prefix}: expected the shapes {', '.join(wrong)}; this is no MentorNet"
    )
  for name, value in values.items():
    if value.dtype.kind != "f" or not np.isfinite(value).all():
      raise UserError(
        f"{prefix}: expected finite floating-point numbers in "
        f"{_SCOPE}{VARIABLES[name]}, got {value.dtype} with non-finite or "
        "other values; train the mentor again"
      )
