"""The memory of `fit`: averages over the visits of each example."""

import math
import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from mentornet_tf.curricula.memory_decay import DECAY, check_decay
from mentornet_tf.curricula.memory_features import RememberedBatch
from mentornet_tf.errors import UserError
from mentornet_tf.internal.typing import Tensor
from mentornet_tf.internal.variable_rows import read_rows, write_rows
from mentornet_tf.training.memory.batch_visits import BatchVisits
from mentornet_tf.training.memory.remembered import (
  RememberedExamples,
  where_seen,
)

# What it may take of the device, in numbers of four bytes: 1 GiB.
MOST_VALUES = 2**28

# Columns beside the probabilities, as sums that decay; and as counts.
_NUM_SUMS, _NUM_COUNTS = 2, 3


def num_values(num_examples: int, num_classes: int) -> int:
  """How many numbers the memory of such data keeps; see `MOST_VALUES`."""
  return num_examples * (num_classes + _NUM_SUMS + _NUM_COUNTS)


@keras.saving.register_keras_serializable(package="mentornet_tf")
class TrainingMemory(keras.layers.Layer):
  """Remembers of every training example how it went, at no extra pass.

  Given to a `MentoredModel`, it averages over the visits of each example its
  loss, its weight and the class probabilities that the student predicts for it
  in training; they are those of the averaged student under `weigh_by_average`.
  The k-th visit has the share (1 − decay) / (1 − decay^k) in the average after
  it. Batches must come with the index of each example, as `with_index` attaches
  it and `DeviceImages` have it. `examples` reads it.

  A `MemoryCurriculum` weighs examples by it.

  It lies on the device, is updated within the compiled step, and is saved with
  the model. An example that is absent from its batch (`ignore_class`, a sample
  weight of 0) is not visited there.

  Args:
    num_examples: N, of the training data.
    num_classes: C; 2 for a binary classifier with one output.
    decay: of the averages per visit, in [0, 1); that of the mentor which sees
      them.
    from_logits: whether predictions are logits; None takes it from the compiled
      loss.
    **kwargs: further arguments of `keras.layers.Layer`.

  Raises:
    UserError: an argument out of range, or more than the device should hold.
  """

  def __init__(
    self,
    num_examples: int,
    num_classes: int,
    decay: float = DECAY,
    from_logits: bool | None = None,
    **kwargs: Any,
  ):
    kwargs.setdefault("dtype", "float32")  # also under mixed precision
    super().__init__(autocast=False, **kwargs)
    self.num_examples = _count("num_examples", num_examples, 1)
    self.num_classes = _count("num_classes", num_classes, 2)
    self.decay = check_decay(decay)
    self.from_logits = from_logits
    if num_values(num_examples, num_classes) > MOST_VALUES:
      raise UserError(
        "num_examples, num_classes: expected num_examples · (num_classes + "
        f"{_NUM_SUMS + _NUM_COUNTS}) of at most {MOST_VALUES}, got "
        f"{num_examples} examples of {num_classes} classes; train by "
        "`mentornet train`, whose memory lies on disk"
      )

    def table(name: str, columns: int) -> keras.Variable:
      # The last row takes what belongs to no example.
      return self._counter(name, (num_examples + 1, columns))

    # Each as if its average had started at 0: Σ (1 − decay) · decay^… · value.
    self._sums = table("sums", num_classes + _NUM_SUMS)
    # Visits, agreements, and the given label + 1; exact up to 2^24.
    self._counts = table("counts", _NUM_COUNTS)
    self._strays = self._counter("strays", ())
    self._relabelled = self._counter("relabelled", ())
    self.built = True

  def _counter(self, name: str, shape: tuple[int, ...]) -> keras.Variable:
    return self.add_weight(
      name=name,
      shape=shape,
      dtype="float32",
      initializer="zeros",
      trainable=False,
    )

  def observe(
    self,
    index: Tensor,
    *,
    labels: Tensor,
    loss: Tensor,
    weight: Tensor,
    probabilities: Tensor,
    mask: Tensor | None = None,
  ) -> None:
    """Takes the visits of a batch into account, in their order.

    Args:
      index: [B] integers, of the examples; some may be the same.
      labels: [B] int32.
      loss: [B] float32.
      weight: [B] float32.
      probabilities: [B, C] float32.
      mask: [B] bool, which are visits; None for all of them.
    """
    index, visited, strays = self._visited(
      index, loss + weight, probabilities, mask
    )
    self._strays.assign_add(strays)
    visits = BatchVisits(index, visited)
    values = ops.concatenate(
      [probabilities, loss[:, None], weight[:, None]], axis=1
    )
    share = (1 - self.decay) * self.decay**visits.later
    added = ops.where(visited[:, None], share[:, None] * values, 0.0)
    before = read_rows(self._sums, index)
    sums = before * self.decay ** visits.count[:, None] + visits.sum(added)

    counts = read_rows(self._counts, index)
    given = ops.cast(labels, "float32") + 1
    label = ops.where(counts[:, 2] > 0, counts[:, 2], visits.max(given))
    self._relabelled.assign_add(_num_true(visited & (label != given)))
    agrees = visited & _agrees(probabilities, labels)
    counts = ops.stack(
      [
        counts[:, 0] + visits.count,
        counts[:, 1] + visits.sum(ops.cast(agrees, "float32")),
        ops.where(visits.count > 0, label, counts[:, 2]),
      ],
      axis=1,
    )
    # Visits of the same example have the same rows.
    write_rows(self._sums, index, sums)
    write_rows(self._counts, index, counts)

  def preview(
    self,
    index: Tensor,
    *,
    labels: Tensor,
    loss: Tensor,
    probabilities: Tensor,
    mask: Tensor | None = None,
  ) -> RememberedBatch:
    """What is remembered of each example with its visit in a batch.

    Where a batch visits an example several times, later visits do not count at
    earlier ones. Nothing changes: `observe` remembers the visits.

    Args:
      index: see `observe`, as for all further arguments.
      labels: [B] int32.
      loss: [B] float32.
      probabilities: [B, C] float32.
      mask: [B] bool or None.
    """
    index, visited, _ = self._visited(index, loss, probabilities, mask)
    visits = BatchVisits(index, visited)
    values = ops.concatenate([probabilities, loss[:, None]], axis=1)
    added = ops.where(visited[:, None], (1 - self.decay) * values, 0.0)
    before = read_rows(self._sums, index)
    before = before[:, : self.num_classes + 1]  # all but the weight
    sums = before * self.decay ** visits.number[:, None]
    sums = sums + visits.sum_so_far(added, self.decay)

    counts = read_rows(self._counts, index)
    agrees = ops.cast(visited & _agrees(probabilities, labels), "float32")
    count = counts[:, 0] + visits.number
    means = ops.divide_no_nan(sums, self._divisor(count)[:, None])
    mean_probabilities = means[:, : self.num_classes]
    is_given = labels[:, None] == ops.arange(self.num_classes, dtype="int32")
    return RememberedBatch(
      mean_loss=means[:, self.num_classes],
      given_probability=_largest(mean_probabilities, is_given),
      other_probability=_largest(mean_probabilities, ~is_given),
      agreement=ops.divide_no_nan(
        counts[:, 1] + visits.sum_so_far(agrees[:, None])[:, 0], count
      ),
    )

  def _visited(
    self,
    index: Tensor,
    loss: Tensor,
    probabilities: Tensor,
    mask: Tensor | None,
  ) -> tuple[Tensor, Tensor, Tensor]:
    """Rows [B] of the tables, which are visits [B], and how many are strays."""
    index = ops.cast(index, "int32")
    known = (index >= 0) & (index < self.num_examples)
    # Steps that overflow in float16 leave nothing to remember.
    visited = ops.isfinite(loss + ops.sum(probabilities, axis=1))
    if mask is not None:
      visited = visited & mask
    strays = _num_true(visited & ~known)
    return ops.where(known, index, self.num_examples), visited & known, strays

  def _divisor(self, count: Tensor) -> Tensor:
    """[B] float32 1 − decay^count, to all its digits if decay is near 1."""
    if not self.decay:
      return 1 - self.decay**count
    return -ops.expm1(count * math.log(self.decay))

  @property
  def examples(self) -> RememberedExamples:
    """What is remembered, copied from the device.

    Raises:
      UserError: indices were not those of the examples; see `check`.
    """
    self.check()
    sums = ops.convert_to_numpy(self._sums)[:-1]
    visits, agreements, labels = ops.convert_to_numpy(self._counts)[
      :-1
    ].T.astype(np.int64)
    divisor = 1 - self.decay ** visits.astype(np.float64)
    probabilities = sums[:, : self.num_classes]
    loss, weight = sums[:, self.num_classes :].T
    return RememberedExamples(
      ids=np.arange(self.num_examples),
      labels=labels - 1,
      visits=visits,
      mean_loss=where_seen(loss, visits, divisor),
      mean_weight=where_seen(weight, visits, divisor),
      agreement=where_seen(agreements, visits, visits),
      decay=self.decay,
      step=None,
      digest=None,
      stored=probabilities,
    )

  @property
  def labels(self) -> np.ndarray:
    """[N] int64, the given labels; -1 of examples without a visit.

    Raises:
      UserError: see `check`.
    """
    self.check()
    labels = ops.convert_to_numpy(self._counts.value[:-1, 2])
    return labels.astype(np.int64) - 1

  def check(self) -> None:
    """Raises UserError where indices were not those of the examples.

    That is, they were out of range, or an example came with other labels than
    before, as it does where the index is attached to data that are shuffled.
    """
    strays, relabelled = (
      int(ops.convert_to_numpy(each))
      for each in (self._strays, self._relabelled)
    )
    if strays:
      raise UserError(
        "index: expected those of the "
        f"{self.num_examples} examples of the memory, from 0, got others at "
        f"{strays} visits; give `num_examples` of the data, and attach the "
        "index before repeat()"
      )
    if relabelled:
      raise UserError(
        "index: expected an example with the same label at each visit, got "
        f"another one at {relabelled} visits; attach the index before data are "
        "shuffled"
      )

  @staticmethod
  def load(
    run_folder: str | os.PathLike, *, digest: str | None = None
  ) -> RememberedExamples:
    """The newest memory in a training folder of the command line.

    Args:
      run_folder: the training folder.
      digest: of the data that it must be of; None takes that in run.json.

    Raises:
      UserError: there is none, or it is damaged, or one of other data.
    """
    from mentornet_tf.training.memory.loading import load_memory

    return load_memory(run_folder, digest=digest)

  def get_config(self) -> dict[str, Any]:
    return {
      **super().get_config(),
      "num_examples": self.num_examples,
      "num_classes": self.num_classes,
      "decay": self.decay,
      "from_logits": self.from_logits,
    }

  @classmethod
  def from_config(cls, config: Mapping[str, Any]) -> "TrainingMemory":
    return cls(**config)


def _agrees(probabilities: Tensor, labels: Tensor) -> Tensor:
  """[B] bool, whether the most probable class is the given one."""
  return ops.cast(ops.argmax(probabilities, axis=1), "int32") == labels


def _largest(values: Tensor, among: Tensor) -> Tensor:
  """[B] the greatest of values [B, C] >= 0 among some of each row."""
  return ops.max(ops.where(among, values, 0.0), axis=1)


def _num_true(values: Tensor) -> Tensor:
  return ops.sum(ops.cast(values, "float32"))


def _count(name: str, value: int, least: int) -> int:
  is_integer = isinstance(value, int | np.integer)
  if not is_integer or isinstance(value, bool) or value < least:
    raise UserError(
      f"{name}: expected an integer of at least {least}, got {value!r}; give "
      "that of the training data"
    )
  return int(value)
