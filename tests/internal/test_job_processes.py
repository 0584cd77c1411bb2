"""Jobs in processes of their own: results, failures, interrupts."""

import os
import signal
import time

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.internal.job_processes import EndedJob, run_jobs
from mentornet_tf.internal.stop_signals import stop_on_signals


def no_preparation():
  """Nothing that a job of these tests would need."""


def squared(job, print_line):
  if job == "mistake":
    raise UserError("job: expected a number,\n got a mistake; give one")
  if job == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
  if job == "left":
    os._exit(3)
  if job == "truncated":
    raise EOFError("a file ended early")
  if job == "refused":
    raise ConnectionRefusedError("nobody listens")
  print_line(f"squares {job}")
  return job**2


def until_stopped(job, print_line):
  """Continues until a signal, as a training does; the deaf one is killed."""
  if job == "deaf":
    print_line(str(os.getpid()))
    time.sleep(60)
  with stop_on_signals(signal.SIGINT, signal.SIGTERM) as should_stop:
    print_line(str(os.getpid()))
    while not should_stop():
      time.sleep(0.01)
  return f"{job} saved"


def collected(task, jobs, at_once=2, print_line=lambda name, line: None):
  ended = run_jobs(task, jobs, at_once, print_line, no_preparation)
  return {each.name: each for each in ended}


def test_a_failing_job_leaves_the_others_alone():
  lines = []
  jobs = {"a": 3, "b": "mistake", "c": "killed", "d": "left", "e": 5}
  ended = collected(squared, jobs, print_line=lambda *line: lines.append(line))
  assert ended["a"] == EndedJob("a", 9)
  assert ended["b"] == EndedJob(
    "b", failure="job: expected a number, got a mistake; give one"
  )
  assert "ended by signal 9; run fewer" in ended["c"].failure
  assert "exit code 3" in ended["d"].failure
  assert ended["e"] == EndedJob("e", 25)
  assert sorted(lines) == [("a", "squares 3"), ("e", "squares 5")]


def test_errors_of_jobs_are_not_taken_for_the_end_of_their_parent(capfd):
  ended = collected(squared, {"a": "truncated", "b": "refused"})
  assert "ended with exit code 1; see what it printed" in ended["a"].failure
  assert "EOFError: a file ended early" in capfd.readouterr().err
  assert ended["b"].failure == "nobody listens"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_jobs_and_starts_no_more(number):
  ready = []

  def interrupt_when_both_are_ready(name, line):
    ready.append(name)
    if len(ready) == 2:
      os.kill(os.getpid(), number)

  ended = collected(
    until_stopped,
    {"a": "a", "b": "deaf", "c": "c"},
    print_line=interrupt_when_both_are_ready,
  )
  assert sorted(ready) == ["a", "b"]
  assert ended == {"a": EndedJob("a", "a saved"), "b": EndedJob("b")}


def test_jobs_do_not_outlive_an_error_of_the_caller():
  pids, before = [], signal.getsignal(signal.SIGINT)

  def fail(name, line):
    pids.append(int(line))
    raise RuntimeError("of the caller")

  with pytest.raises(RuntimeError, match="of the caller"):
    collected(until_stopped, {"a": "deaf"}, print_line=fail)
  with pytest.raises(ProcessLookupError):
    os.kill(pids[0], 0)
  assert signal.getsignal(signal.SIGINT) == before
