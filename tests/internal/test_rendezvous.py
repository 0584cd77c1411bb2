import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.internal.rendezvous import meet
from mentornet_tf.internal.tf_config import Cluster


def clusters(count: int) -> list[Cluster]:
  """Each worker's view of a cluster on free ports."""
  addresses = []
  for _ in range(count):
    with socket.socket() as server:
      server.bind(("localhost", 0))
      addresses.append(f"localhost:{server.getsockname()[1]}")
  jobs = ("worker",) * count
  return [Cluster(jobs, tuple(addresses), index) for index in range(count)]


def outcomes(workers, seconds):
  """None or the message, of each."""

  def outcome(cluster):
    try:
      return meet(cluster, seconds)
    except UserError as error:
      return str(error)

  with ThreadPoolExecutor(len(workers)) as threads:
    return list(threads.map(outcome, workers))


def test_workers_that_are_all_there_begin_and_leave_the_port_free():
  workers = clusters(3)
  for _ in range(2):
    assert outcomes(workers, 20) == [None] * 3
    with socket.create_server(("", workers[0].port)):
      pass


def test_all_are_told_who_is_missing():
  workers = clusters(3)
  for message in outcomes(workers[:2], 1):
    assert message.startswith(f"{workers[0].named(2)}: expected within 1 s")


def test_without_the_first_worker_it_is_missing():
  workers = clusters(2)
  with pytest.raises(UserError, match=r"worker 0 \(localhost:\d+\): expected"):
    meet(workers[1], 0.5)


def test_workers_of_another_job_do_not_count():
  workers = clusters(2)
  other = Cluster(workers[0].jobs, (workers[0].addresses[0], "elsewhere:1"), 1)
  first, _ = outcomes([workers[0], other], 1)
  assert first.startswith(workers[0].named(1))


def test_what_is_no_worker_is_passed_over():
  workers = clusters(2)
  with ThreadPoolExecutor(1) as thread:
    led = thread.submit(meet, workers[0], 20)
    for _ in range(100):
      try:
        with socket.create_connection(workers[0].address(0)) as visitor:
          visitor.sendall(b"GET / HTTP/1.1\n")
          break
      except OSError:
        time.sleep(0.05)
    meet(workers[1], 20)
    led.result()
