"""Reading the memory of a run from its folder."""

import os
from pathlib import Path

from mentornet_tf.errors import UserError
from mentornet_tf.runs.run_folder import require_run
from mentornet_tf.training.memory.memory_files import (
  memory_files,
  read_memory,
)
from mentornet_tf.training.memory.remembered import (
  RememberedExamples,
  where_seen,
)


def load_memory(
  run_folder: str | os.PathLike, *, digest: str | None = None
) -> RememberedExamples:
  """The newest memory in a training folder.

  Args:
    run_folder: the training folder.
    digest: of the data that it must be of; None takes that in run.json.

  Raises:
    UserError: there is none, or it is damaged, or one of other data.
  """
  folder = Path(run_folder)
  run = require_run(folder)
  files = memory_files(folder)
  if not files:
    raise UserError(
      f"{folder}: expected a training folder with a memory of its examples, "
      "got one without; train with `memory`"
    )
  found = read_memory(files[max(files)])
  header = found.header
  expected = digest or run["data"].get("digest")
  if header.digest != expected:
    raise UserError(
      f"{found.path}: expected the memory of the data with the digest "
      f"{str(expected)[:12]}, got one of {header.digest[:12]}; give the "
      "data that the run was trained on, or its own memory"
    )
  columns = found.columns
  visits = columns["visits"]
  return RememberedExamples(
    ids=columns["ids"],
    labels=columns["labels"],
    visits=visits,
    mean_loss=where_seen(columns["loss"], visits),
    mean_weight=where_seen(columns["weight"], visits),
    agreement=where_seen(columns["agreements"], visits, visits),
    decay=header.decay,
    step=header.step,
    digest=header.digest,
    stored=found.probabilities(),
  )
