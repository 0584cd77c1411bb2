"""Lists of images in text files, a path and perhaps a label per line."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mentornet_tf.errors import UserError
from mentornet_tf.internal.reasons import shortened


def find_list(root: Path, name: str, folders: Sequence[str]) -> Path | None:
  """The list of that name in the first of some folders that has it.

  Args:
    root: what the folders are relative to.
    name: of the file.
    folders: "" is the root itself.
  """
  places = (root / folder / name for folder in folders)
  return next((place for place in places if place.is_file()), None)


def read_lines(path: Path) -> Iterator[tuple[str, bytes]]:
  """The lines of a list that are not blank, stripped.

  Yields:
    "<file>: line <number>", for messages, and the line.
  """
  with path.open("rb") as file:
    for number, line in enumerate(file, 1):
      line = line.removeprefix(b"\xef\xbb\xbf").strip()
      if line:
        yield f"{path}: line {number}", line


def checked_path(line: bytes, where: str) -> bytes:
  """A relative path that stays below its folder, "./" removed.

  Raises:
    UserError: it is no such path.
  """
  path = line.replace(b"\\", b"/")
  while path.startswith(b"./"):
    path = path[2:]
  if (
    not path
    or path.startswith(b"/")
    or b"\0" in path
    or (b".." in path.split(b"/"))
  ):
    raise UserError(
      f"{where}: expected a path below the folder of the images, got "
      f"{shown(line)}; correct the line or get the list again"
    )
  return path


def shown(text: bytes) -> str:
  """Part of a line for a message."""
  line = text[:1000].decode("utf-8", errors="backslashreplace")
  return repr(shortened(line))
