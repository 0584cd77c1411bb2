"""Independent jobs, several at a time, each in a process of its own.

Unlike `worker_processes`, which share one task: a job that fails leaves the
others alone, a job may be interrupted and continued later, and it sees the GPU.
"""

import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from mentornet_tf.errors import UserError
from mentornet_tf.internal.piped_processes import (
  ParentPipe,
  ProcessEnded,
  receive,
  start_process,
)
from mentornet_tf.internal.stop_signals import stop_on_signals

# Called as task(job, print_line): does the job, and tells of it line by line.
Task = Callable[[Any, Callable[[str], None]], Any]

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class EndedJob:
  """How a job ended.

  Attributes:
    name: of the job.
    result: what the task returned; None where it was stopped before, or failed.
    failure: one line about what went wrong, if anything.
  """

  name: str
  result: Any = None
  failure: str | None = None


def run_jobs(
  task: Task,
  jobs: Mapping[str, Any],
  at_once: int,
  print_line: Callable[[str, str], None],
  prepare: Callable[[], None],
) -> Iterator[EndedJob]:
  """Runs the jobs, started in their order, and yields each as it ends.

  SIGINT or SIGTERM starts no more of them, and is passed as SIGTERM to those
  that are running, once; what they yield then is waited for. If this process is
  killed, each job ends at its next line.

  Args:
    task: what to do with a job; it, the jobs and the results must be picklable.
      Processes are fresh interpreters, so the main module needs the customary
      `if __name__ == "__main__"`.
    jobs: name -> the task's argument.
    at_once: how many processes there are, at least 1.
    print_line: called in this process with the name of a job and a line of it.
    prepare: called by each process before it receives the task, whose modules
      are imported then.

  Yields:
    An `EndedJob` per job, in the order in which they end.
  """
  waiting = iter(jobs.items())
  running: dict[Connection, tuple[str, BaseProcess]] = {}
  has_passed_on = False
  with stop_on_signals(signal.SIGINT, signal.SIGTERM) as should_stop:
    try:
      while True:
        while len(running) < at_once and not should_stop():
          name, job = next(waiting, (None, None))
          if name is None:
            break
          here, process = start_process(_work, prepare, name)
          running[here] = name, process
          here.send((task, job))
        if not running:
          return
        if should_stop() and not has_passed_on:
          has_passed_on = True
          for _, process in running.values():
            process.terminate()
        ready: list[Any] = wait(list(running), timeout=_POLL_SECONDS)
        for connection in ready:
          name, process = running[connection]
          kind, content = _received(connection, process)
          if kind == "line":
            print_line(name, content)
            continue
          del running[connection]
          process.join()
          if kind == "done":
            yield EndedJob(name, content)
          elif kind == "ended" and should_stop():
            yield EndedJob(name)
          else:
            yield EndedJob(name, failure=content)
    finally:
      for _, process in running.values():
        process.kill()
        process.join()


def _received(connection: Connection, process: BaseProcess) -> tuple[str, Any]:
  try:
    return receive(connection, process)
  except ProcessEnded as ended:
    code = ended.exit_code
    if code < 0:
      return "ended", (
        f"its process was ended by signal {-code}; run fewer at a time if "
        "memory ran out"
      )
    return (
      "ended",
      f"its process ended with exit code {code}; see what it printed",
    )


def _work(parent: ParentPipe) -> None:
  task, job = parent.recv()
  parent.send(_outcome(task, job, parent))


def _outcome(task: Task, job: Any, parent: ParentPipe) -> tuple[str, Any]:
  try:
    result = task(job, lambda line: parent.send(("line", line)))
  except (UserError, OSError) as error:
    return "failed", " ".join(str(error).split())
  return "done", result
