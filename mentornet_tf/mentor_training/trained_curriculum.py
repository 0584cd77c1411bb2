"""What a mentor was learned from, as its training folder tells."""

import json
from pathlib import Path

from mentornet_tf.errors import UserError

SUMMARY_FILE = "training.json"


def read_trained_curriculum(
  folder: str | Path,
) -> tuple[str | None, float | None] | None:
  """Reads the predefined curriculum that a mentor was learned from.

  Args:
    folder: a folder of `bin/train_mentor.py`.

  Returns:
    The curriculum's name and gamma, each None where the examples had none (as
    those of a loss dump); None where `folder` holds no summary.

  Raises:
    UserError: the summary is damaged, or is something else.
  """
  path = Path(folder) / SUMMARY_FILE
  if not path.is_file():
    return None
  try:
    summary = json.loads(path.read_text())
  except ValueError as error:
    raise _not_a_summary(path, str(error)) from error
  if not isinstance(summary, dict):
    raise _not_a_summary(path, f"a JSON {type(summary).__name__}")
  examples = summary.get("examples")
  if not isinstance(examples, dict):
    raise _not_a_summary(path, "none with the part 'examples'")
  return examples.get("curriculum"), examples.get("gamma")


def _not_a_summary(path: Path, got: str) -> UserError:
  return UserError(
    f"{path}: expected the JSON summary of a learned mentor, got {got}; learn "
    "the mentor anew, or give --vstar_fn and another place of the mentor"
  )
