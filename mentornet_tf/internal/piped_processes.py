"""Fresh interpreters, each with a pipe to the process that started it.

They do not outlive that process: without it, the next use of the pipe ends
them.
"""

import multiprocessing
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any


class ProcessEnded(Exception):
  """The process at the other end is gone.

  Attributes:
    exit_code: of the process, -N where signal N ended it.
  """

  def __init__(self, exit_code: int):
    super().__init__(f"exit code {exit_code}")
    self.exit_code = exit_code


class ParentPipe:
  """The pipe of a process to its parent: without the parent, it exits.

  That is told by the pipe alone: a task's own EOFError or ConnectionError is an
  error like any other.

  Args:
    connection: this process's end.
  """

  def __init__(self, connection: Connection):
    self._connection = connection

  def recv(self) -> Any:
    """What the parent has sent."""
    try:
      return self._connection.recv()
    except (EOFError, ConnectionError):
      sys.exit()

  def send(self, message: Any) -> None:
    """Sends what can be pickled."""
    try:
      self._connection.send(message)
    except ConnectionError:
      sys.exit()


def start_process(
  work: Callable[[ParentPipe], None],
  prepare: Callable[[], None],
  name: str | None = None,
) -> tuple[Connection, BaseProcess]:
  """Starts a process.

  Args:
    work: what the process does with its end of the pipe; must be picklable.
      Processes are fresh interpreters, so the main module needs the customary
      `if __name__ == "__main__"`.
    prepare: called before anything is received, whose modules are imported
      then.
    name: of the process.

  Returns:
    This process's end of the pipe, and the process.
  """
  context = multiprocessing.get_context("spawn")
  here, there = context.Pipe()
  process: BaseProcess = context.Process(
    target=_work, args=(there, work, prepare), name=name, daemon=True
  )
  process.start()
  there.close()  # else its end would not be the end of the pipe
  return here, process


def receive(connection: Connection, process: BaseProcess) -> Any:
  """What the process has sent.

  Raises:
    ProcessEnded: it is gone.
  """
  try:
    return connection.recv()
  except (EOFError, ConnectionResetError) as error:
    process.join()
    raise ProcessEnded(process.exitcode or 0) from error


def _work(
  connection: Connection,
  work: Callable[[ParentPipe], None],
  prepare: Callable[[], None],
) -> None:
  """The main function of a process."""
  # An interrupt on the terminal reaches all processes; the parent handles it.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  prepare()
  work(ParentPipe(connection))
