"""JSON files: written whole, read with errors that say what to do."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files


def write_json(
  path: str | Path, content: Mapping[str, Any], *, sort_keys: bool = True
) -> None:
  """Writes `content`, whole or not at all."""
  text = json.dumps(content, indent=2, sort_keys=sort_keys) + "\n"
  atomic_files.write_bytes(path, text.encode())


def read_json(
  path: str | Path, *, written_by: str, advice: str, parts: Sequence[str] = ()
) -> dict[str, Any]:
  """Reads a JSON object.

  Args:
    path: the file, which exists.
    written_by: what should have written it, for messages.
    advice: what to do about another file, for messages.
    parts: names under which the object must hold objects of its own.

  Raises:
    UserError: the file is damaged, or is something else.
  """
  try:
    content = json.loads(Path(path).read_text())
  except ValueError as error:
    got = str(error)
  else:
    if not isinstance(content, dict):
      got = f"a JSON {type(content).__name__}"
    else:
      missing = [p for p in parts if not isinstance(content.get(p), dict)]
      if not missing:
        return content
      got = f"none with the part {missing[0]!r}"
  raise UserError(
    f"{path}: expected JSON written by {written_by}, got {got}; {advice}"
  )
