"""Target weights v*: the predefined curricula as formulas (paper, section 3).

A curriculum maps an example's features, (loss ℓ in nats, loss difference d,
label y, epoch percentage e), to a weight in 0..1. The same formulas make the
data that a mentor is trained on (numpy, float64) and weigh a student's batch
directly (tensors of any Keras back end). Golden `vstar`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor
from mentornet_tf.internal.user_functions import (
  guarded,
  load_function,
  signature_of,
)

# What the original calls these functions, also accepted here.
_ORIGINAL_PREFIX = "vstar_"


@dataclass(frozen=True)
class _Formula:
  """One curriculum.

  Attributes:
    weigh: takes (namespace, features, gamma); the namespace is numpy or
      keras.ops.
    default_gamma: None if the formula has no parameter.
    gamma_rule: the condition on gamma, in words, and as a predicate.
  """

  weigh: Callable[..., Tensor]
  default_gamma: float | None = None
  gamma_rule: tuple[str, Callable[[float], bool]] | None = None


class _Features(NamedTuple):
  """The four columns of the features, each [N]."""

  loss: Tensor
  difference: Tensor
  label: Tensor
  epoch: Tensor


def _baseline(xp: Any, f: _Features, gamma: None) -> Tensor:
  return xp.ones_like(f.loss)


def _self_paced(xp: Any, f: _Features, gamma: None) -> Tensor:
  return _as_weight(xp, f.difference <= 0, f.loss)


def _spcl_linear(xp: Any, f: _Features, gamma: float) -> Tensor:
  # Multiplying by 1/γ, not dividing by γ: the original's rounding.
  return xp.clip(1.0 - f.difference * (1.0 / gamma), 0.0, 1.0)


def _hard_example_mining(xp: Any, f: _Features, gamma: None) -> Tensor:
  hard = xp.logical_or(f.difference >= 0, f.label > 0)
  return _as_weight(xp, hard, f.loss)


def _focal_loss(xp: Any, f: _Features, gamma: float) -> Tensor:
  return xp.power(1.0 - xp.exp(-f.loss), gamma)


def _mentornet_pd(xp: Any, f: _Features, gamma: float) -> Tensor:
  return xp.where(
    f.epoch <= 18,
    _baseline(xp, f, None),
    xp.where(
      f.epoch < 90, _self_paced(xp, f, None), _spcl_linear(xp, f, gamma)
    ),
  )


def _as_weight(xp: Any, condition: Tensor, like: Tensor) -> Tensor:
  return xp.where(condition, xp.ones_like(like), xp.zeros_like(like))


_NOT_ZERO = ("a number other than 0", lambda gamma: gamma != 0)
_POSITIVE = ("a number > 0", lambda gamma: gamma > 0)

_FORMULAS = {
  "baseline": _Formula(_baseline),
  "self_paced": _Formula(_self_paced),
  "spcl_linear": _Formula(_spcl_linear, 1.0, _NOT_ZERO),
  "hard_example_mining": _Formula(_hard_example_mining),
  "focal_loss": _Formula(_focal_loss, 2.0, _POSITIVE),
  "mentornet_pd": _Formula(_mentornet_pd, 1.0, _NOT_ZERO),
}

_REGISTERED: dict[str, Callable[..., Tensor]] = {}


def list_target_weights() -> list[str]:
  """The names of the predefined curricula, then of the registered ones."""
  return [*_FORMULAS, *_REGISTERED]


def register_target_weights(name: str, function: Callable[..., Tensor]) -> None:
  """Makes a curriculum of your own known under a name.

  Args:
    name: an identifier that no predefined curriculum has. Registering it again
      replaces the earlier function.
    function: v*(features) or v*(features, gamma): from [N, 4] features (loss,
      loss difference, label, epoch percentage) to [N] weights in 0..1. It gets
      a numpy array when a mentor is trained on it, and a tensor when a
      student is trained under it directly; written with operators and
      `keras.ops` it serves both.

  Raises:
    UserError: a name that is taken or no identifier, or no function.
  """
  if not isinstance(name, str) or not name.isidentifier():
    raise UserError(
      f"target weights: expected a name of letters, digits and _, got {name!r};"
      " choose another"
    )
  if _plain(name) in _FORMULAS or name.startswith(_ORIGINAL_PREFIX):
    raise UserError(
      f"target weights: expected a name of your own, got {name!r}, which is "
      "a predefined curriculum's; choose another"
    )
  if not callable(function):
    raise UserError(
      f"target weights {name!r}: expected a function v*(features), got "
      f"{type(function).__name__}; pass the function itself"
    )
  _REGISTERED[name] = function


def get_formula(
  name: str, gamma: float | None = None
) -> Callable[[Tensor], Tensor]:
  """Returns a curriculum as a function of features.

  Args:
    name: one of `list_target_weights()`, with or without the original's prefix
      `vstar_`, or "package.module:function" for one of your own, as
      `register_target_weights` describes it.
    gamma: the parameter of spcl_linear and mentornet_pd (not 0) or focal_loss
      (> 0); None takes the default (1, 1 and 2).

  Returns:
    A function from [N, 4] features to [N] weights. Numpy arrays give numpy
    arrays of the same dtype, tensors give tensors.

  Raises:
    UserError: an unknown name, or a gamma that the curriculum does not take.
  """
  if not isinstance(name, str):
    raise UserError(f"formula: expected a name, got {name!r}; {_name_advice()}")
  formula = _FORMULAS.get(_plain(name))
  if formula is not None:
    gamma = _checked_gamma(_plain(name), formula, gamma)
    return lambda features: _apply(formula.weigh, features, gamma)
  if _plain(name) in _REGISTERED:
    function = guarded(_REGISTERED[_plain(name)], name, "target weights")
  elif ":" in name:
    function = load_function(name, "target weights")
  else:
    raise UserError(
      f"formula: expected a known curriculum, got {name!r}; {_name_advice()}"
    )
  return _bind_gamma(name, function, gamma)


def target_weights(
  name: str, features: Any, gamma: float | None = None
) -> np.ndarray:
  """Computes the target weight v* of every example.

  Args:
    name: a curriculum, as in `get_formula`.
    features: [N, 4] numbers: loss in nats, loss difference, label and epoch
      percentage.
    gamma: the curriculum's parameter; None takes its default.

  Returns:
    [N] float64 weights in 0..1.

  Raises:
    UserError: an unknown name, a gamma out of range, features of another
      shape or not finite, or a function that returns no such weights.
  """
  formula = get_formula(name, gamma)
  features = _checked_features(features)
  return _checked_weights(name, formula(features), len(features))


def _apply(
  weigh: Callable[..., Tensor], features: Tensor, gamma: float | None
) -> Tensor:
  namespace: Any = np
  if not isinstance(features, np.ndarray):
    # Late, so that making data does not wait for a Keras back end.
    from keras import ops

    namespace = ops
  columns = _Features(*(features[:, index] for index in range(4)))
  return weigh(namespace, columns, gamma)


def _plain(name: str) -> str:
  return name.removeprefix(_ORIGINAL_PREFIX)


def _name_advice() -> str:
  return (
    f"use {', '.join(list_target_weights())} or package.module:function for "
    "one of your own"
  )


def _checked_gamma(
  name: str, formula: _Formula, gamma: float | None
) -> float | None:
  if formula.gamma_rule is None:
    if gamma is not None:
      raise UserError(
        f"gamma: expected none, since {name} has no parameter, got {gamma}; "
        "leave it out"
      )
    return None
  if gamma is None:
    return formula.default_gamma
  wording, holds = formula.gamma_rule
  try:
    number = float(gamma)
  except (TypeError, ValueError):
    number = math.nan
  if not math.isfinite(number) or not holds(number):
    raise UserError(
      f"gamma: expected {wording} for {name}, got {gamma!r}; leave it out for "
      f"the default {formula.default_gamma:g}"
    )
  return number


def _bind_gamma(
  name: str, function: Callable[..., Tensor], gamma: float | None
) -> Callable[[Tensor], Tensor]:
  if gamma is None:
    return function
  parameters = signature_of(function)
  if parameters is not None and len(parameters) < 2:
    raise UserError(
      f"gamma: expected none, since {name} takes only features, got {gamma}; "
      "leave it out or give the function a second parameter"
    )
  return lambda features: function(features, gamma)


def _checked_features(features: Any) -> np.ndarray:
  try:
    array = np.asarray(features, np.float64)
  except (TypeError, ValueError) as error:
    raise UserError(
      "features: expected an array of numbers [N, 4], got "
      f"{type(features).__name__} ({error}); give loss, loss difference, label "
      "and epoch in every row"
    ) from error
  if array.ndim != 2 or array.shape[1] != 4:
    raise UserError(
      f"features: expected shape [N, 4], got {list(array.shape)}; give loss, "
      "loss difference, label and epoch in every row"
    )
  bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
  if bad.size:
    raise UserError(
      f"features: expected finite numbers, got {array[bad[0]].tolist()} in row "
      f"{bad[0]} ({bad.size} such rows); remove them"
    )
  return array


def _checked_weights(name: str, weights: Any, rows: int) -> np.ndarray:
  try:
    weights = np.asarray(weights, np.float64)
  except Exception as error:  # of whatever a function of the user returned
    raise UserError(
      f"target weights {name!r}: expected an array of numbers [N], got "
      f"{type(weights).__name__}; return one weight per example"
    ) from error
  if weights.shape != (rows,):
    raise UserError(
      f"target weights {name!r}: expected {rows} weights, shape [{rows}], got "
      f"shape {list(weights.shape)}; return one weight per example"
    )
  bad = np.flatnonzero(~((weights >= 0) & (weights <= 1)))
  if bad.size:
    raise UserError(
      f"target weights {name!r}: expected weights in 0..1, got "
      f"{weights[bad[0]]} in row {bad[0]} ({bad.size} such rows); clip them or "
      "correct the features"
    )
  return weights
