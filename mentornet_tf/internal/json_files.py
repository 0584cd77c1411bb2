"""JSON files: written whole, read with errors that say what to do."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files

# Beyond anything that this package writes.
_LARGEST_BYTES = 2**28
_DEEPEST = 50


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
    UserError: the file cannot be read, is damaged, or is something else; it
      gives a name twice, is nested too deeply, or is too large.
  """
  try:
    content = _parsed(Path(path))
  except OSError as error:
    got = error.strerror or str(error)
  except (ValueError, RecursionError) as error:
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


def _parsed(path: Path) -> Any:
  """What a file says; ValueError for what no reader could use."""
  if path.exists() and not path.is_file():
    raise ValueError("no regular file")  # a pipe would be waited for
  size = path.stat().st_size
  if size > _LARGEST_BYTES:
    raise ValueError(f"a file of {size / 2**20:.0f} MiB")
  text = path.read_bytes().decode("utf-8")
  content = json.loads(text, object_pairs_hook=_object)
  level = [content]
  for _ in range(_DEEPEST):
    level = [child for each in level for child in _children(each)]
  if level:
    raise ValueError(f"values nested deeper than {_DEEPEST} levels")
  # Half of a character, which could be neither printed nor written.
  json.dumps(content, ensure_ascii=False).encode("utf-8")
  return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  content = dict(pairs)
  if len(content) < len(pairs):
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    raise ValueError(f"the name {twice!r} twice")
  return content


def _children(value: Any) -> list[Any]:
  if isinstance(value, dict):
    return list(value.values())
  return value if isinstance(value, list) else []
