"""TensorFlow's start, with a stand-in that is as talkative."""

import subprocess
import sys
from pathlib import Path

import keras
import pytest
from keras_backend import run_under

_ROOT = Path(__file__).resolve().parents[2]

_STAND_IN = """
import os
os.write(2, b"a note of the start-up\\n")

class config:
  def list_physical_devices():
    os.write(2, b"a note on devices\\n")
    FAILING
"""
_SCRIPT = """
import os, sys
from mentornet_tf.internal.tensorflow_startup import start_tensorflow
start_tensorflow(*sys.argv[1:])
names = (
  "CUDA_VISIBLE_DEVICES",
  "TF_CPP_MIN_LOG_LEVEL",
  "TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD",
)
print(*map(os.environ.get, names))
os.write(2, b"a message\\n")
"""


def start(folder, *arguments, failing="", **environment):
  stand_in = _STAND_IN.replace("FAILING", failing)
  (folder / "tensorflow.py").write_text(stand_in)
  return subprocess.run(
    [sys.executable, "-c", _SCRIPT, *arguments],
    env={"PYTHONPATH": f"{folder}:{_ROOT}", **environment},
    capture_output=True,
    text=True,
    timeout=60,
  )


_SHARING = """
import os, sys
from types import SimpleNamespace

class Threading:
  def __getattr__(self, name):
    return lambda count: print(name, count)

sys.modules["tensorflow"] = SimpleNamespace(
  config=SimpleNamespace(
    list_physical_devices=lambda: [], threading=Threading()
  )
)
os.sched_getaffinity = lambda process: range(5)
from mentornet_tf.internal.tensorflow_startup import start_tensorflow
start_tensorflow(num_processes=int(sys.argv[1]))
print(os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH"))
"""


def printed_where_shared(num_processes):
  return subprocess.run(
    [sys.executable, "-c", _SHARING, str(num_processes)],
    env={"PYTHONPATH": str(_ROOT)},
    stdout=subprocess.PIPE,
    text=True,
    check=True,
    timeout=60,
  ).stdout.splitlines()


def test_processes_share_cores_and_the_memory_of_a_gpu():
  for num_processes, threads in ((2, 2), (9, 1)):
    assert printed_where_shared(num_processes) == [
      f"set_intra_op_parallelism_threads {threads}",
      f"set_inter_op_parallelism_threads {threads}",
      "true",
    ]
  # Alone, TensorFlow chooses.
  assert printed_where_shared(1) == ["None"]


def test_notes_are_dropped_and_later_messages_are_not(tmp_path):
  started = start(tmp_path)
  assert (started.stdout, started.stderr) == ("None 2 1\n", "a message\n")


def test_the_device_is_the_given_one_unless_the_environment_names_one(tmp_path):
  assert start(tmp_path, "1").stdout == "1 2 1\n"
  started = start(
    tmp_path,
    "1",
    CUDA_VISIBLE_DEVICES="3",
    TF_CPP_MIN_LOG_LEVEL="0",
    TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD="0",
  )
  assert started.stdout == "3 0 0\n"


def test_notes_are_shown_when_tensorflow_does_not_start(tmp_path):
  started = start(tmp_path, failing="raise RuntimeError('no driver')")
  assert started.returncode == 1
  lines = started.stderr.splitlines()
  assert lines[:2] == ["a note of the start-up", "a note on devices"]
  assert lines[-1] == "RuntimeError: no driver"


def test_another_back_end_is_refused_before_tensorflow_starts(tmp_path):
  result = start(tmp_path, KERAS_BACKEND="jax")
  assert result.returncode == 1
  assert (
    "KERAS_BACKEND: expected tensorflow for the commands, got jax"
    in (result.stderr.splitlines()[-1])
  )
  assert "a note" not in result.stderr


def what_needs_tensorflow() -> list[str]:
  import numpy as np

  import mentornet_tf as mn
  from mentornet_tf.internal.tensorflow_startup import require_tensorflow

  subset = np.zeros((4, 2)), np.zeros(4, int), np.array([True, False] * 2)
  lines = []
  for call in (
    lambda: require_tensorflow("these"),
    lambda: mn.UpdateMentor(subset).on_train_begin(),
  ):
    try:
      call()
    except mn.UserError as error:
      lines.append(str(error))
  return lines


def in_a_process_of_its_own(monkeypatch) -> list[str]:
  return run_under("jax", what_needs_tensorflow, may_use_tensorflow=True)


def by_the_name_of_the_back_end(monkeypatch) -> list[str]:
  monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
  return what_needs_tensorflow()


@pytest.mark.parametrize(
  "under_jax",
  [
    by_the_name_of_the_back_end,
    pytest.param(in_a_process_of_its_own, marks=pytest.mark.slow),
  ],
)
def test_what_needs_tensorflow_is_refused_under_jax(under_jax, monkeypatch):
  lines = under_jax(monkeypatch)
  assert [line.partition(",")[0] for line in lines] == [
    "KERAS_BACKEND: expected tensorflow for these",
    "KERAS_BACKEND: expected tensorflow for updates of the mentor",
  ]
