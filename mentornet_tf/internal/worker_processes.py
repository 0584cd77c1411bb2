"""Runs a task for many numbers in worker processes.

Unlike with `concurrent.futures`, workers do not outlive the process that
started them: if it is killed, each ends at its next report of progress; an
interrupt leaves nothing running, and a worker that dies is noticed.
"""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
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
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

# Called as task(number, on_items): does the work of that number, and calls
# on_items(count) now and then with how many items it has done since.
Task = Callable[[int, Callable[[int], None]], Any]


def results(
  task: Task,
  numbers: Sequence[int],
  num_workers: int,
  on_items: Callable[[int], None] = lambda count: None,
  prepare: Callable[[], None] = start_tensorflow,
) -> Iterator[tuple[int, Any]]:
  """Runs the task for every number and yields results as they arrive.

  Args:
    task: what to do; it and its results must be picklable. Workers are fresh
      interpreters, so the main module needs the customary
      `if __name__ == "__main__"`.
    numbers: what to call it with, started in this order.
    num_workers: processes, at least 1.
    on_items: called in this process with the items that a task reports.
    prepare: called by each worker before it receives the task, whose modules
      are imported then.

  Yields:
    (number, result), in the order in which they finish.

  Raises:
    UserError, OSError: what a task raised, or a worker was killed; the others
      are stopped.
    RuntimeError: a worker exited by itself.
  """
  waiting = iter(numbers)
  workers: dict[Connection, BaseProcess] = {}
  try:
    for _ in range(min(num_workers, len(numbers))):
      here, process = start_process(_work, functools.partial(_prepare, prepare))
      workers[here] = process
      here.send(task)
      here.send(next(waiting))
    while workers:
      ready: list[Any] = wait(list(workers))
      for connection in ready:
        kind, content = _received(connection, workers[connection])
        if kind == "items":
          on_items(content)
        elif kind == "error":
          raise content
        else:
          yield content
          number = next(waiting, None)
          connection.send(number)
          if number is None:
            workers.pop(connection).join()
  finally:
    for worker in workers.values():
      worker.terminate()
    for worker in workers.values():
      worker.join()


def _received(connection: Connection, process: BaseProcess) -> tuple[str, Any]:
  try:
    return receive(connection, process)
  except ProcessEnded as ended:
    if ended.exit_code < 0:
      raise UserError(
        "num_workers: expected worker processes that finish, got one ended by "
        f"signal {-ended.exit_code}; start again, with fewer of them if they "
        "ran out of memory"
      ) from ended
    raise RuntimeError(
      f"a worker process ended with exit code {ended.exit_code}"
    ) from ended


def _prepare(prepare: Callable[[], None]) -> None:
  # Workers read and write files; each would only take memory of a GPU.
  os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
  prepare()


def _work(parent: ParentPipe) -> None:
  task = parent.recv()
  while (number := parent.recv()) is not None:
    parent.send(_outcome(task, number, parent))


def _outcome(task: Task, number: int, parent: ParentPipe) -> tuple[str, Any]:
  try:
    result = task(number, lambda count: parent.send(("items", count)))
  except (UserError, OSError) as error:
    return "error", error
  return "done", (number, result)
