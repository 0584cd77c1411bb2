"""What a mentor was trained on, from the summary in its folder."""

from pathlib import Path

from mentornet_tf.internal.json_files import read_json

SUMMARY_FILE = "training.json"


def read_trained_curriculum(
  folder: str | Path,
) -> tuple[str | None, float | None] | None:
  """Reads the predefined curriculum that a mentor was trained on.

  Args:
    folder: the folder that a mentor was trained in.

  Returns:
    The curriculum's name and gamma, each None if the examples have none (such
    as those of a loss dump); None if `folder` holds no summary.

  Raises:
    UserError: the summary is damaged, or is something else.
  """
  path = Path(folder) / SUMMARY_FILE
  if not path.is_file():
    return None
  summary = read_json(
    path,
    written_by="the training of a mentor",
    advice="train the mentor again, or give `vstar_fn` and another mentor",
    parts=("examples",),
  )
  examples = summary["examples"]
  return examples.get("curriculum"), examples.get("gamma")
