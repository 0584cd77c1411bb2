"""The one place that knows of replicas of a model on several devices.

Under a `tf.distribute` strategy each replica sees its own part of the global
batch. Percentile, moving average, example dropout and mixing belong to the
global batch: replicas gather what these need, compute the same on each of them,
and take their own part of the result. Everything here is the identity where
there is one replica, and under JAX' `DataParallel`, whose arrays are global.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mentornet_tf.errors import UserError
from mentornet_tf.internal.keras_internals import (
  has_losses_of_calls,
  own_statistics,
)
from mentornet_tf.internal.replica_context import (
  num_replicas,
  replica_context,
  replica_index,
)
from mentornet_tf.internal.typing import Tensor

# What collective operations take on every kind of device.
_GATHERED_DTYPES = ("float32", "float64", "int32", "int64")


@dataclasses.dataclass(frozen=True)
class Part:
  """The part of a global batch that one replica has.

  Parts may be unequal, as in the last batch of an epoch.

  Attributes:
    start: position of its first example in the global batch, an int scalar.
    size: how many examples it has, b, an int scalar.
    total: those of the global batch, B, an int scalar. All three are None where
      the part is the whole.
  """

  start: Tensor = None
  size: Tensor = None
  total: Tensor = None

  def of(self, values: Any) -> Any:
    """The part [b, …] of values [B, …], in any structure; None stays None."""
    if self.total is None:
      return values
    own = slice(self.start, self.start + self.size)
    return keras.tree.map_structure(
      lambda each: None if each is None else each[own], values
    )

  def share_of(self, mean: Tensor) -> Tensor:
    """The part's term of a mean over the global batch: `mean` · b / B."""
    if self.total is None:
      return mean
    size, total = (ops.cast(n, "float32") for n in (self.size, self.total))
    return mean * (size / total)


def own_part(values: Any) -> Part:
  """The part of the global batch that this replica's values [b, …] are.

  Args:
    values: in any structure.
  """
  if replica_context() is None:
    return Part()
  size = ops.cast(ops.shape(keras.tree.flatten(values)[0])[0], "int32")
  sizes = gather(ops.reshape(size, (1,)))
  start = ops.sum(sizes[: replica_index()])
  return Part(start, size, ops.sum(sizes))


def gather(values: Any) -> Any:
  """Values [B, …] of the global batch from those [b, …] of each replica.

  Args:
    values: in any structure, the same on each replica; None stays None. No
      gradient flows through.

  Returns:
    The same structure, in the order of the replicas.
  """
  context = replica_context()
  if context is None:
    return values
  leaves = keras.tree.flatten(values)
  # Each tensor once, by identity, although it may occur several times.
  unique = {id(leaf): leaf for leaf in leaves if leaf is not None}
  if not unique:
    return values
  sent = [_as_gathered(leaf) for leaf in unique.values()]
  received = context.all_gather(sent, axis=0)
  gathered = {
    key: ops.cast(value, leaf.dtype)
    for (key, leaf), value in zip(unique.items(), received, strict=True)
  }
  return keras.tree.pack_sequence_as(
    values, [None if leaf is None else gathered[id(leaf)] for leaf in leaves]
  )


def summed(terms: Sequence[Tensor]) -> list[Tensor]:
  """The sums over all replicas of scalars, each a term of the replica's own.

  Optimizers add up the gradients of replicas. The gradient of a sum is
  therefore that of this replica's own term.
  """
  context = replica_context()
  if context is None:
    return list(terms)
  stacked = ops.stop_gradient(ops.stack(list(terms)))
  sums = context.all_reduce("SUM", stacked)
  return [
    _with_value(term, sums[position]) for position, term in enumerate(terms)
  ]


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
  """This replica's term of a mean over the global batch.

  Args:
    loss: scalar, a mean over the replica's own examples. Keras' losses have
      divided it by the number of replicas already.
    weight: scalar, what the mean was divided by, such as the number of the
      replica's examples.

  Returns:
    A scalar; the terms of all replicas add up to the mean.
  """
  context = replica_context()
  if context is None:
    return loss
  weight = ops.cast(weight, "float32")
  total = context.all_reduce("SUM", weight)
  return loss * (num_replicas() * ops.divide_no_nan(weight, total))


def as_keras_loss(loss: Tensor) -> Tensor:
  """A loss of the global batch as Keras' training step takes it.

  Keras' own are divided by the number of replicas, which its report undoes.
  """
  count = num_replicas()
  return loss if count == 1 else _with_value(loss, loss / count)


def average_statistics(student: keras.Model) -> None:
  """Averages over replicas what layers of `student` keep of their batches.

  That is, of batch normalization and layers like it that see their own part
  only; Keras would keep and save those of the first replica.
  """
  context = replica_context()
  if context is None:
    return
  variables = own_statistics(student)
  if variables:
    values = [ops.convert_to_tensor(variable) for variable in variables]
    means = context.all_reduce("MEAN", values)
    for variable, mean in zip(variables, means, strict=True):
      variable.assign(mean)


def check_strategy() -> None:
  """Raises UserError where models cannot train as if on one device.

  That is, within the scope of a strategy or distribution of Keras that is not
  supported.
  """
  distribution = keras.distribution.distribution()
  if distribution is not None:
    is_data_parallel = isinstance(distribution, keras.distribution.DataParallel)
    # Older Keras, the newest for Python 3.10, keeps the number to itself.
    num_processes = getattr(
      distribution,
      "num_processes",
      getattr(distribution, "_num_process", 1),
    )
    if not is_data_parallel or num_processes > 1:
      kind = type(distribution).__name__
      raise UserError(
        "distribution: expected keras.distribution.DataParallel in one "
        f"process, got {kind} in {num_processes}; build the model "
        "in `with keras.distribution.DataParallel().scope():`, in one process"
      )
  if keras.backend.backend() != "tensorflow":
    return
  import tensorflow as tf

  strategy = tf.distribute.get_strategy()
  known = (
    tf.distribute.MirroredStrategy,
    tf.distribute.MultiWorkerMirroredStrategy,
    tf.distribute.OneDeviceStrategy,
  )
  if tf.distribute.has_strategy() and not isinstance(strategy, known):
    raise UserError(
      "strategy: expected tf.distribute.MirroredStrategy, or "
      "MultiWorkerMirroredStrategy for the command line, got "
      f"{type(strategy).__name__}; use one of them"
    )


def check_fit(model: keras.Model) -> None:
  """Raises UserError where `fit` cannot train `model` under its strategy."""
  check_strategy()
  count = _replicas_of_fit(model)
  optimizers = getattr(model.optimizer, "_distribution_strategy", None)
  if count == 1 and getattr(optimizers, "num_replicas_in_sync", 1) > 1:
    raise UserError(
      "strategy: expected student, model and optimizer built within its scope, "
      "got the optimizer alone; build all of them within `with "
      "strategy.scope():`"
    )
  if count == 1:
    return
  import tensorflow as tf

  strategy = model.distribute_strategy
  if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
    raise UserError(
      "strategy: expected tf.distribute.MirroredStrategy for fit, got "
      "MultiWorkerMirroredStrategy, which Keras' fit does not support; use "
      '`mentornet train`, whose `distribution` may be "multi_worker"'
    )
  # Keras decides by gradients that are not summed yet.
  if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
    raise UserError(
      "mixed_float16: expected float32 or mixed_bfloat16 on several replicas, "
      f"got mixed_float16 on {count}, whose replicas may disagree on which "
      "steps overflow; choose mixed_bfloat16"
    )
  if model.jit_compile:  # only if asked for: Keras' default is then False
    raise UserError(
      f"jit_compile: expected False with {count} replicas, whose exchange XLA "
      "does not compile, got True; leave it out"
    )
  exchange = type(strategy.extended._cross_device_ops).__name__
  if model.steps_per_execution > 1 and exchange == "CollectiveAllReduce":
    raise UserError(
      f"steps_per_execution: expected 1 with {count} replicas, got "
      f"{model.steps_per_execution}, with which Keras' fit fails; leave it "
      "out, or give the strategy other `cross_device_ops`, such as "
      "tf.distribute.ReductionToOneDevice()"
    )
  for variable in [*model.variables, *model.optimizer.variables]:
    if getattr(variable.value, "distribute_strategy", None) is not strategy:
      raise UserError(
        f"strategy: expected student, model and optimizer built within its "
        f"scope, got the variable {variable.path!r} from outside; build all of "
        "them within `with strategy.scope():`"
      )


def check_penalties(student: keras.Model) -> None:
  """Raises UserError where Keras mixes up what replicas add to the loss.

  Replicas take turns where they synchronize, and a layer holds the losses of
  all that have called it since.
  """
  if replica_context() is None or not has_losses_of_calls(student):
    return
  layers = student._flatten_layers(include_self=False)
  if any(getattr(layer, "synchronized", False) for layer in layers):
    raise UserError(
      "student: expected no `activity_regularizer` or `add_loss` beside "
      "synchronized batch normalization with several replicas, got both; leave "
      "one of them out"
    )


def check_single(model: keras.Model, what: str, advice: str) -> None:
  """Raises UserError where `what` would give each replica the whole batch."""
  count = _replicas_of_fit(model)
  if count > 1:
    raise UserError(
      f"{what}: expected one replica, got {count}, which would each be given "
      f"the whole batch; {advice}"
    )


def first_copy(model: keras.Model, predictions: Any) -> Any:
  """Of what `predict_on_batch` returns, which predicts on each replica."""
  count = _replicas_of_fit(model)
  if count == 1:
    return predictions
  return keras.tree.map_structure(
    lambda each: each[: len(each) // count], predictions
  )


def _replicas_of_fit(model: keras.Model) -> int:
  strategy = getattr(model, "distribute_strategy", None)  # TensorFlow's
  return getattr(strategy, "num_replicas_in_sync", 1)


def _as_gathered(value: Tensor) -> Tensor:
  """In a dtype that holds every value and that devices exchange."""
  dtype = keras.backend.standardize_dtype(value.dtype)
  value = ops.stop_gradient(ops.convert_to_tensor(value))
  if dtype in _GATHERED_DTYPES:
    return value
  if "float" in dtype:
    return ops.cast(value, "float32")
  return ops.cast(value, "int64" if dtype.endswith(("32", "64")) else "int32")


def _with_value(loss: Tensor, value: Tensor) -> Tensor:
  """`value`, with the gradient of `loss`."""
  return loss + ops.stop_gradient(value - loss)
