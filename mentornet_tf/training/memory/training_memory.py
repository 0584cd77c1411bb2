"""The memory of a training: averages over the visits of each example."""

import os

from mentornet_tf.training.memory.remembered import (
  RememberedExamples,
  load_memory,
)


class TrainingMemory:
  """Averages over the visits of each training example."""

  @staticmethod
  def load(
    run_folder: str | os.PathLike, *, digest: str | None = None
  ) -> RememberedExamples:
    """The newest memory in a training folder; see `load_memory`."""
    return load_memory(run_folder, digest=digest)
