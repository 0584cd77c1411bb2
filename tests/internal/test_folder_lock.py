import errno
import os
import signal
import subprocess
import sys

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.internal import folder_lock
from mentornet_tf.internal.folder_lock import locked

_HOLDER = """
import sys
from mentornet_tf.internal.folder_lock import locked
with locked(sys.argv[1], "train"):
  print("holding", flush=True)
  sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
  """A process that holds the lock of `tmp_path` until it is killed."""
  with subprocess.Popen(
    [sys.executable, "-c", _HOLDER, tmp_path],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
  ) as process:
    assert process.stdout.readline() == "holding\n"
    yield process
    process.kill()


def test_another_process_is_refused_and_named(tmp_path, holder):
  with (
    pytest.raises(UserError) as caught,
    locked(tmp_path, "train"),
  ):
    pytest.fail("two processes hold one lock")
  message = str(caught.value)
  assert message.startswith(f"{tmp_path}: expected no other process to train")
  assert f"got process {holder.pid} on {os.uname().nodename} at work" in message


def test_a_killed_process_leaves_no_lock(tmp_path, holder):
  holder.send_signal(signal.SIGKILL)
  holder.wait()
  with locked(tmp_path, "train"):
    held = (tmp_path / ".lock").read_text()
  assert held == f"process {os.getpid()} on {os.uname().nodename}"


def test_a_lock_ends_with_its_block(tmp_path):
  for _ in range(2):
    with pytest.raises(ZeroDivisionError), locked(tmp_path, "train"):
      1 / 0  # noqa: B018
    assert not list(tmp_path.iterdir())


def test_one_process_cannot_hold_it_twice(tmp_path):
  with locked(tmp_path, "train"), pytest.raises(UserError, match="at work"):
    locked(tmp_path, "train").__enter__()


def test_other_work_has_a_lock_of_its_own(tmp_path):
  with locked(tmp_path, "train"), locked(tmp_path, "a", file_name="other"):
    pass


def test_an_operating_system_without_locks_is_noted(tmp_path, monkeypatch):
  monkeypatch.setattr(folder_lock, "fcntl", None)
  notes = []
  with locked(tmp_path, "train", warn=notes.append):
    assert not list(tmp_path.iterdir())
  (note,) = notes
  assert note.startswith(f"note: {tmp_path} is under an operating system")
  assert "no other process is going to train there" in note


def test_a_file_system_without_locks_is_noted(tmp_path, monkeypatch):
  def unknown(*args):
    raise OSError(errno.ENOLCK, "No locks available")

  monkeypatch.setattr(folder_lock.fcntl, "flock", unknown)
  notes = []
  with locked(tmp_path, "train", warn=notes.append):
    pass
  (note,) = notes
  assert "file system without locks" in note


def test_a_folder_that_was_replaced_meanwhile_is_locked_anew(
  tmp_path, monkeypatch
):
  lock, real = tmp_path / ".lock", folder_lock.fcntl.flock
  stale = []

  def replaced(file, how):
    if not stale:
      stale.append(file)
      lock.unlink()
    real(file, how)

  monkeypatch.setattr(folder_lock.fcntl, "flock", replaced)
  with locked(tmp_path, "train"):
    assert str(os.getpid()) in lock.read_text()
    monkeypatch.setattr(folder_lock.fcntl, "flock", real)
    with pytest.raises(UserError, match="at work"):
      locked(tmp_path, "train").__enter__()
