"""Scripts run as users run them, but for the import of TensorFlow.

Each runs in a process of its own, forked from one that has imported TensorFlow
and Keras and done nothing else, which saves three seconds per script. Programs
in a Python of their own are in `test_main` and `test_wheel`.
"""

import functools
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing import forkserver
from pathlib import Path
from unittest import mock

_CONTEXT = multiprocessing.get_context("forkserver")
_HELPERS = str(Path(__file__).parent)


@functools.cache
def _start_server() -> None:
  paths = os.pathsep.join([_HELPERS, str(Path(_HELPERS).parents[1])])
  with mock.patch.dict(os.environ, PYTHONPATH=paths):
    _CONTEXT.set_forkserver_preload(["started_tensorflow"])
    forkserver.ensure_running()


def run_script(
  script: str | Path,
  *arguments: object,
  cwd: str | Path | None = None,
  env: Mapping[str, str] | None = None,
  timeout: float = 280,
) -> subprocess.CompletedProcess:
  """Runs a Python file to its end; the result is that of `subprocess.run`."""
  _start_server()
  argv = [str(script), *map(str, arguments)]
  with tempfile.TemporaryDirectory() as folder:
    outputs = [str(Path(folder) / name) for name in ("stdout", "stderr")]
    process = _CONTEXT.Process(
      target=_run,
      args=(argv, str(cwd or os.getcwd()), dict(env or os.environ), outputs),
    )
    process.start()
    process.join(timeout)
    if process.is_alive():
      process.kill()
      raise subprocess.TimeoutExpired(argv, timeout)
    texts = [
      Path(path).read_text() if Path(path).exists() else "" for path in outputs
    ]
  return subprocess.CompletedProcess(argv, process.exitcode, *texts)


def _run(
  argv: list[str], cwd: str, env: dict[str, str], outputs: list[str]
) -> None:
  os.chdir(cwd)
  os.environ.clear()
  os.environ.update(env)
  for number, path in enumerate(outputs, start=1):
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, number)
    os.close(file)
  sys.argv = argv
  # As Python itself begins: the script's folder, then PYTHONPATH.
  own = [os.path.dirname(os.path.abspath(argv[0]))]
  sys.path[:0] = own + list(filter(None, env.get("PYTHONPATH", "").split(":")))
  # Unlike the interpreter's own, the server's streams may be closed.
  sys.stdout = os.fdopen(1, "w", closefd=False)
  sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
  try:
    runpy.run_path(argv[0], run_name="__main__")
  finally:
    sys.stdout.flush()
