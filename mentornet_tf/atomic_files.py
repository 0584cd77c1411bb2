"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
  """Yields a temporary path beside `path`, which takes its place at the end.

  The temporary name keeps the ending, which some writers go by. If the body
  raises, the temporary file is removed and `path` stays as it was.
  """
  path = Path(path)
  partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
  try:
    yield partial
    os.replace(partial, path)
  finally:
    partial.unlink(missing_ok=True)


def write_bytes(path: str | Path, data: bytes) -> None:
  """Writes a file as a whole."""
  with replacing(path) as partial:
    partial.write_bytes(data)
