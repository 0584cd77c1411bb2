import functools
import os
import signal
import time

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.internal import worker_processes

# None of these tasks needs TensorFlow.
results = functools.partial(worker_processes.results, prepare=os.getpid)


def square(offset, number, on_items):
  on_items(2)
  on_items(1)
  return offset + number**2, os.getpid()


def failing(error, number, on_items):
  if number == 2:
    raise error
  return number


def dying(number, on_items):
  os._exit(7)


def killed(number, on_items):
  os.kill(os.getpid(), signal.SIGKILL)


def endless(path, number, on_items):
  """Notes its process and works until it cannot report any more."""
  with open(path, "a") as file:
    file.write(f"{os.getpid()}\n")
  if number == 0:
    raise UserError("the first number is refused")
  while True:
    on_items(1)
    time.sleep(0.01)


def test_every_number_gets_its_result_in_processes_of_their_own():
  items = []
  found = dict(
    results(functools.partial(square, 10), [3, 1, 4, 5], 2, items.append)
  )
  assert {number: value for number, (value, _) in found.items()} == {
    3: 19,
    1: 11,
    4: 26,
    5: 35,
  }
  processes = {process for _, process in found.values()}
  assert len(processes) in (1, 2) and os.getpid() not in processes
  assert sorted(items) == [1, 1, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize(
  "error", [UserError("shard 2 is refused"), OSError(28, "No space", "x")]
)
def test_errors_of_a_task_come_through(error):
  task = functools.partial(failing, error)
  with pytest.raises(type(error), match=r"refused|No space") as caught:
    list(results(task, range(4), 1))
  assert str(caught.value) == str(error)


def test_a_worker_that_dies_is_noticed():
  with pytest.raises(RuntimeError, match="exit code 7"):
    list(results(dying, [0], 1))


def test_a_worker_that_is_killed_is_one_line():
  with pytest.raises(UserError, match=r"^num_workers: .* by signal 9;"):
    list(results(killed, [0], 1))


def test_an_error_ends_the_other_workers(tmp_path):
  task = functools.partial(endless, tmp_path / "processes")
  with pytest.raises(UserError, match="first number"):
    # The second worker is already at work, or never begins.
    list(results(task, [1, 0], 2))
  for process in map(int, (tmp_path / "processes").read_text().split()):
    with pytest.raises(ProcessLookupError):
      os.kill(process, 0)


def test_no_numbers_need_no_process():
  assert list(results(dying, [], 4)) == []
