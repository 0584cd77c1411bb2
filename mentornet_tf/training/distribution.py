"""Where the replicas of a run are: one device, several, several machines.

The loop trains on what `devices.open_distribution` gives, and stays the same:
replicas read their slices of the global batch and report what one device would.
What replicas compute together is in `training/replicas`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import tensorflow as tf

from mentornet_tf.datasets.reading.dataset import TrainingData
from mentornet_tf.datasets.reading.preparation import BatchSlice
from mentornet_tf.training.loop import Batch, Report


class Distribution:
  """A run on one device; the base of those on several.

  Attributes:
    num_replicas: how many parts the global batch has.
    is_chief: whether this process writes files, evaluates and prints.
  """

  num_replicas: int = 1
  is_chief: bool = True

  def scope(self) -> AbstractContextManager[object]:
    """Where model and optimizer are built."""
    return nullcontext()

  def training_batches(
    self, data: TrainingData, batch_size: int, *, seed: int, start_step: int
  ) -> tf.data.Dataset:
    """Endless batches, of which each replica gets its slice."""
    return data.training_batches(batch_size, seed=seed, start_step=start_step)

  def replicated(
    self, step: Callable[[Batch], Report]
  ) -> Callable[[Batch], Report]:
    """A step of all replicas from that of one; its report is of the whole."""
    return step

  def agreed_steps(self, num_steps: int) -> int:
    """The smallest of the numbers that the workers ask for."""
    return num_steps

  def check_agreed(self, name: str, value: str) -> None:
    """Raises UserError unless `value` is the same on every worker."""

  def check_shared(self, folder: Path) -> None:
    """Raises UserError unless every worker sees the chief's folder."""

  def of_chief(self, value: int) -> int:
    """The chief's value, on every worker."""
    return value

  def finish(self) -> None:
    """Waits until every worker has done its work."""

  def named_failures(self) -> AbstractContextManager[None]:
    """Within it, a worker that dies is an error that names it."""
    return nullcontext()


class Mirrored(Distribution):
  """A run on several devices of one machine.

  Args:
    strategy: of `tf.distribute`.
  """

  def __init__(self, strategy: tf.distribute.Strategy):
    self._strategy = strategy
    self.num_replicas = strategy.num_replicas_in_sync

  def scope(self) -> AbstractContextManager[object]:
    return self._strategy.scope()

  def training_batches(
    self, data: TrainingData, batch_size: int, *, seed: int, start_step: int
  ) -> tf.data.Dataset:
    # Also a check that the global batch has equal slices.
    size = len(BatchSlice(0, self.num_replicas).positions(batch_size))

    def split(batch: Batch) -> Batch:
      return {
        name: tf.reshape(values, [-1, size, *values.shape[1:]])
        for name, values in batch.items()
      }

    def slices(context: tf.distribute.InputContext) -> tf.data.Dataset:
      part = BatchSlice(context.input_pipeline_id, context.num_input_pipelines)
      batches = data.training_batches(
        batch_size, seed=seed, start_step=start_step, part=part
      )
      if part.count == self.num_replicas:
        return batches
      # The replicas of a process take turns.
      turns = self.num_replicas // part.count
      return batches.map(split).unbatch().prefetch(turns)

    return self._strategy.distribute_datasets_from_function(slices)

  def replicated(
    self, step: Callable[[Batch], Report]
  ) -> Callable[[Batch], Report]:
    def run(batch: Batch) -> Report:
      reports = self._strategy.run(step, args=(batch,))
      # All replicas report the same.
      return {
        name: self._strategy.experimental_local_results(value)[0]
        for name, value in reports.items()
      }

    return run


def check_batch_size(batch_size: int, distribution: Distribution) -> None:
  """Raises UserError unless the replicas can have equal slices of a batch."""
  BatchSlice(0, distribution.num_replicas).positions(batch_size)
