"""Waiting for the other workers of a job, before TensorFlow does.

TensorFlow waits where no signal reaches, and the first worker without a limit.
Here it can be interrupted, and whoever is missing is named. The workers meet at
the address of the first, whose port TensorFlow then takes over.
"""

import hashlib
import json
import socket
import time
from contextlib import ExitStack, suppress
from typing import Any, NoReturn, TypeAlias

from mentornet_tf.errors import UserError
from mentornet_tf.internal.tf_config import Cluster

# How long workers wait for each other as they start.
START_SECONDS = 300
# For what a process that is there answers at once.
_ANSWER_SECONDS = 5.0
_PAUSE_SECONDS = 0.2

# GPUs of each worker, None where it has not come.
_Counts: TypeAlias = list[int | None]


def meet(
  cluster: Cluster, num_gpus: int, seconds: float = START_SECONDS
) -> None:
  """Waits until all workers of a cluster are there.

  Args:
    cluster: this process and the others.
    num_gpus: those of this process, which have to be as many everywhere.
    seconds: how long to wait.

  Raises:
    UserError: some have not come, or have another number of GPUs.
  """
  end = time.monotonic() + seconds
  if len(cluster) == 1:
    return
  counts = (_lead if cluster.index == 0 else _join)(cluster, num_gpus, end)
  if missing := [i for i, count in enumerate(counts) if count is None]:
    _refuse(
      cluster,
      missing,
      f"within {seconds:g} s, got no answer; start the same command on every "
      "worker, each with the same cluster and an index of its own in TF_CONFIG",
    )
  for count in counts:
    if count != counts[0]:
      others = [i for i, each in enumerate(counts) if each == count]
      _refuse(
        cluster,
        others,
        f"{counts[0]} GPU(s) as at {cluster.named(0)}, got {count}; let every "
        "worker see as many, such as by CUDA_VISIBLE_DEVICES",
      )


def _lead(cluster: Cluster, num_gpus: int, end: float) -> _Counts:
  """Lets the others begin once they are all there."""
  counts: _Counts = [num_gpus, *[None] * (len(cluster) - 1)]
  with ExitStack() as opened:
    server = opened.enter_context(cluster.listen())
    present = []
    while None in counts and (left := end - time.monotonic()) > 0:
      server.settimeout(left)
      with suppress(OSError, ValueError):  # also from what is no worker
        connection = opened.enter_context(server.accept()[0])
        connection.settimeout(_ANSWER_SECONDS)
        index, jobs, count = _receive(connection)
        if jobs == _name(cluster) and 0 < index < len(cluster):
          counts[index] = count
          present.append(connection)
    for connection in present:
      with suppress(OSError):
        _send(connection, counts)
        # Whoever closes first keeps its end of the connection for a while.
        connection.recv(1)
  return counts


def _join(cluster: Cluster, num_gpus: int, end: float) -> _Counts:
  """Waits for the first worker's word."""
  address = cluster.address(0)
  while (left := end - time.monotonic()) > 0:
    with (
      suppress(OSError, ValueError),
      socket.create_connection(address, min(left, _ANSWER_SECONDS)) as leader,
    ):
      _send(leader, [cluster.index, _name(cluster), num_gpus])
      leader.settimeout(max(end - time.monotonic(), 0) + _ANSWER_SECONDS)
      return _receive(leader)
    time.sleep(_PAUSE_SECONDS)
  return [None]


def _name(cluster: Cluster) -> str:
  """Tells jobs of other workers apart."""
  text = json.dumps([cluster.jobs, cluster.addresses])
  return hashlib.sha256(text.encode()).hexdigest()


def _send(connection: socket.socket, content: list[Any]) -> None:
  connection.sendall(json.dumps(content).encode() + b"\n")


def _receive(connection: socket.socket) -> list[Any]:
  line = b""
  while not line.endswith(b"\n"):
    part = connection.recv(1024)
    if not part or len(line) > 1024:
      raise ValueError("no line")
    line += part
  content = json.loads(line)
  if not isinstance(content, list):
    raise ValueError("no list")
  return content


def _refuse(cluster: Cluster, workers: list[int], text: str) -> NoReturn:
  raise UserError(f"{', '.join(map(cluster.named, workers))}: expected {text}")
