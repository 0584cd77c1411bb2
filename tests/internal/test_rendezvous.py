import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

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


def outcomes(workers, seconds, num_gpus=(0, 0, 0)):
  """None or the message, of each."""

  def outcome(cluster):
    try:
      return meet(cluster, num_gpus[cluster.index], seconds)
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


def test_all_have_as_many_gpus():
  workers = clusters(3)
  assert outcomes(workers, 20, [2, 2, 2]) == [None] * 3
  for message in outcomes(workers, 20, [2, 1, 2]):
    assert message == (
      f"{workers[0].named(1)}: expected 2 GPU(s) as at {workers[0].named(0)}, "
      "got 1; let every worker see as many, such as by CUDA_VISIBLE_DEVICES"
    )


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_workers_meet_by_either_version_of_ip(host):
  workers = [
    replace(
      each,
      addresses=tuple(
        address.replace("localhost", host) for address in each.addresses
      ),
    )
    for each in clusters(2)
  ]
  assert outcomes(workers, 20) == [None] * 2


def test_without_the_first_worker_it_is_missing():
  workers = clusters(2)
  with pytest.raises(UserError, match=r"worker 0 \(localhost:\d+\): expected"):
    meet(workers[1], 0, 0.5)


def test_workers_of_another_job_do_not_count():
  workers = clusters(2)
  other = Cluster(workers[0].jobs, (workers[0].addresses[0], "elsewhere:1"), 1)
  first, _ = outcomes([workers[0], other], 1)
  assert first.startswith(workers[0].named(1))


def test_what_is_no_worker_is_passed_over():
  workers = clusters(2)
  with ThreadPoolExecutor(1) as thread:
    led = thread.submit(meet, workers[0], 0, 20)
    for _ in range(100):
      try:
        with socket.create_connection(workers[0].address(0)) as visitor:
          visitor.sendall(b"GET / HTTP/1.1\n")
          break
      except OSError:
        time.sleep(0.05)
    meet(workers[1], 0, 20)
    led.result()
