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
from typing import Any, NoReturn

from mentornet_tf.errors import UserError
from mentornet_tf.internal.tf_config import START_SECONDS, Cluster

# For what a process that is there answers at once.
_ANSWER_SECONDS = 5.0
_PAUSE_SECONDS = 0.2


def meet(cluster: Cluster, seconds: float = START_SECONDS) -> None:
  """Waits until all workers of a cluster are there.

  Args:
    cluster: this process and the others.
    seconds: how long to wait.

  Raises:
    UserError: some have not come.
  """
  end = time.monotonic() + seconds
  if len(cluster) == 1:
    return
  missing = _lead(cluster, end) if cluster.index == 0 else _join(cluster, end)
  if missing:
    _refuse(cluster, missing, seconds)


def _lead(cluster: Cluster, end: float) -> list[int]:
  """Lets the others begin once they are all there; gives who is missing."""
  missing = set(range(1, len(cluster)))
  with ExitStack() as opened:
    server = opened.enter_context(socket.create_server(("", cluster.port)))
    present = []
    while missing and (left := end - time.monotonic()) > 0:
      server.settimeout(left)
      with suppress(OSError, ValueError):  # also from what is no worker
        connection = opened.enter_context(server.accept()[0])
        connection.settimeout(_ANSWER_SECONDS)
        index, jobs = _receive(connection)
        if jobs == _name(cluster) and 0 < index < len(cluster):
          missing.discard(index)
          present.append(connection)
    for connection in present:
      with suppress(OSError):
        _send(connection, sorted(missing))
        # Whoever closes first keeps its end of the connection for a while.
        connection.recv(1)
  return sorted(missing)


def _join(cluster: Cluster, end: float) -> list[int]:
  """Waits for the first worker's word; gives who is missing."""
  address = cluster.address(0)
  while (left := end - time.monotonic()) > 0:
    with (
      suppress(OSError, ValueError),
      socket.create_connection(address, min(left, _ANSWER_SECONDS)) as leader,
    ):
      _send(leader, [cluster.index, _name(cluster)])
      leader.settimeout(max(end - time.monotonic(), 0) + _ANSWER_SECONDS)
      return _receive(leader)
    time.sleep(_PAUSE_SECONDS)
  return [0]


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


def _refuse(cluster: Cluster, missing: list[int], seconds: float) -> NoReturn:
  raise UserError(
    f"{', '.join(map(cluster.named, missing))}: expected within {seconds:g} s, "
    "got no answer; start the same command on every worker, each with the same "
    "cluster and an index of its own in TF_CONFIG"
  )
