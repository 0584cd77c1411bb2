"""Functions of tests run under a Keras back end other than TensorFlow.

Keras takes its back end when it is first imported, so each call starts a
process of its own; one function should check many things.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

# Parameters for tests that call `run_under`. torch is not a requirement.
OTHER_BACKENDS = [
  "jax",
  pytest.param(
    "torch",
    marks=pytest.mark.skipif(
      importlib.util.find_spec("torch") is None, reason="torch is not installed"
    ),
  ),
]

_PROGRAM = """
import json, sys
from importlib import import_module
module, name, arguments, may_use_tensorflow = json.load(sys.stdin)
result = getattr(import_module(module), name)(*arguments)
import keras
assert keras.backend.backend() == sys.argv[1], keras.backend.backend()
if not may_use_tensorflow and sys.argv[1] != "tensorflow":
  assert "tensorflow" not in sys.modules, "TensorFlow was imported"
print(json.dumps(result))
"""


def run_under(
  backend: str,
  function: Callable[..., Any],
  *arguments: Any,
  may_use_tensorflow: bool = False,
) -> Any:
  """Calls `function` in a new process with another Keras back end.

  Args:
    backend: "jax", "torch" or "tensorflow".
    function: defined at the top level of a module. The process imports the
      module, which therefore must not import TensorFlow.
    *arguments: what JSON can hold, passed on to `function`.
    may_use_tensorflow: whether TensorFlow may be imported in the process.

  Returns:
    What `function` returned, which JSON must be able to hold.

  Raises:
    AssertionError: the function raised, or TensorFlow was imported without
      permission; the text is what the process printed.
  """
  call = [function.__module__, function.__name__, arguments, may_use_tensorflow]
  done = subprocess.run(
    [sys.executable, "-c", _PROGRAM, backend],
    input=json.dumps(call),
    env=os.environ
    | {
      "KERAS_BACKEND": backend,
      "CUDA_VISIBLE_DEVICES": "",
      "JAX_PLATFORMS": "cpu",
      # Else compiling, which optimizes for long runs, takes most of the time.
      "XLA_FLAGS": "--xla_backend_optimization_level=0 "
      "--xla_llvm_disable_expensive_passes=true",
      "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    },
    capture_output=True,
    text=True,
    timeout=280,
  )
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout.splitlines()[-1])
