"""The workers of a job, as the environment variable TF_CONFIG names them.

It is checked before TensorFlow is imported, whose own messages on it are hard
to read.
"""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from mentornet_tf.errors import UserError

_NAME = "TF_CONFIG"
_EXAMPLE = (
  '{"cluster": {"worker": ["host-a:2222", "host-b:2222"]}, '
  '"task": {"type": "worker", "index": 0}}'
)

# Jobs whose tasks train, the one that leads first.
_WORKERS = ("chief", "worker")
_INSTEAD = {
  "ps": "parameter servers are not supported; leave them out, since every "
  "worker keeps all weights",
  "evaluator": "the chief evaluates; leave it out, or run mentornet evaluate "
  "beside the job",
}


@dataclass(frozen=True)
class Cluster:
  """The workers of a job, and which of them this process is.

  Attributes:
    jobs: "chief" or "worker", for each worker, the chief first.
    addresses: host:port of each.
    index: this process' place among them.
  """

  jobs: tuple[str, ...]
  addresses: tuple[str, ...]
  index: int

  def __len__(self) -> int:
    return len(self.addresses)

  def named(self, index: int) -> str:
    """A worker, as messages name it."""
    return f"worker {index} ({self.addresses[index]})"

  def address(self, index: int) -> tuple[str, int]:
    """Host and port of a worker."""
    host, _, port = self.addresses[index].rpartition(":")
    return host.strip("[]"), int(port)

  @property
  def port(self) -> int:
    """That of this process."""
    return self.address(self.index)[1]

  def listen(self) -> socket.socket:
    """A server at this process' port, for IPv6 and IPv4 like TensorFlow's.

    Raises:
      OSError: the port is taken, or may not be opened.
    """
    if socket.has_dualstack_ipv6():
      return socket.create_server(
        ("", self.port), family=socket.AF_INET6, dualstack_ipv6=True
      )
    return socket.create_server(("", self.port))

  def answers(self, index: int, seconds: float = 2.0) -> bool:
    """Whether a worker accepts a connection within some seconds."""
    return _answers(self.address(index), seconds)

  def silent(self) -> list[int]:
    """The other workers that accept no connection."""
    return [
      index
      for index in range(len(self))
      if index != self.index and not self.answers(index)
    ]


def cluster_of_environment() -> Cluster:
  """The cluster that TF_CONFIG describes.

  Raises:
    UserError: it is missing or damaged, describes tasks that do not train, or
      the port of this worker is taken.
  """
  text = os.environ.get(_NAME)
  if not text:
    _refuse("the workers of the job as JSON", "none", f"set it to {_EXAMPLE}")
  try:
    content = json.loads(text)
  except ValueError as error:
    _refuse("JSON", f"{_short(text)} ({error})", f"write it like {_EXAMPLE}")
  cluster = _entry(content, "cluster", content)
  for job in cluster:
    if job not in _WORKERS:
      instead = _INSTEAD.get(job, "leave the others out")
      _refuse("the jobs chief and worker only", repr(job), instead)
  tasks = [
    (job, number, address)
    for job in _WORKERS
    for number, address in enumerate(_addresses(cluster, job))
  ]
  if not tasks:
    _refuse("at least one worker", "none", f"write it like {_EXAMPLE}")
  addresses = tuple(address for _, _, address in tasks)
  for address in addresses:
    if addresses.count(address) > 1:
      _refuse(
        "an address of its own for each worker",
        f"{address} twice",
        "choose another port",
      )
  index = _own_index(content, [task[:2] for task in tasks])
  found = Cluster(tuple(job for job, _, _ in tasks), addresses, index)
  if len(found) > 1:
    _check_port(found)
  return found


def _entry(content: Any, name: str, within: Any) -> Mapping[str, Any]:
  entry = content.get(name) if isinstance(content, dict) else None
  if not isinstance(entry, dict):
    _refuse(f'an object "{name}"', _short(within), f"write it like {_EXAMPLE}")
  return entry


def _addresses(cluster: Mapping[str, Any], job: str) -> list[str]:
  addresses = cluster.get(job, [])
  if not isinstance(addresses, list) or not all(map(_is_address, addresses)):
    _refuse(
      f'a list of host:port as the "{job}" of the cluster',
      _short(addresses),
      f"write it like {_EXAMPLE}",
    )
  if job == "chief" and len(addresses) > 1:
    _refuse("one chief", str(len(addresses)), "list the others as worker")
  return addresses


def _is_address(value: Any) -> bool:
  if not isinstance(value, str):
    return False
  host, _, port = value.rpartition(":")
  return bool(host) and port.isdecimal() and 0 < int(port) < 2**16


def _own_index(content: Any, tasks: list[tuple[str, int]]) -> int:
  task = _entry(content, "task", content)
  job, number = task.get("type"), task.get("index")
  if isinstance(job, str) and job in _INSTEAD:
    _refuse("the task of a worker", repr(job), _INSTEAD[job])
  jobs = sorted({each for each, _ in tasks})
  if not isinstance(job, str) or job not in jobs:
    _refuse(
      f"{' or '.join(jobs)} as the type of the task",
      _short(job),
      "name a job of the cluster",
    )
  count = sum(each == job for each, _ in tasks)
  known = [str(each) for each in range(count)]
  # TensorFlow takes numbers in quotes, too.
  if isinstance(number, bool) or str(number) not in known:
    _refuse(
      f"the index of a task, 0 to {count - 1}",
      _short(number),
      f"the cluster has {count} of the job {job}",
    )
  return tasks.index((job, int(str(number))))


def _check_port(cluster: Cluster) -> None:
  """Raises UserError where another process listens at this worker's port."""
  try:
    cluster.listen().close()
  except OSError as error:
    reason = os.strerror(error.errno) if error.errno else str(error)
    _refuse(
      f"a free port for this worker, {cluster.addresses[cluster.index]}",
      f"one in use ({reason})",
      "end the process that listens there, or give all workers a TF_CONFIG "
      "with another port",
    )


def _answers(address: tuple[str, int], seconds: float) -> bool:
  try:
    with socket.create_connection(address, seconds):
      return True
  except OSError:
    return False


def _short(value: Any) -> str:
  text = value if isinstance(value, str) else json.dumps(value)
  return text if len(text) <= 80 else f"{text[:77]}..."


def _refuse(expected: str, got: str, advice: str) -> NoReturn:
  raise UserError(f"{_NAME}: expected {expected}, got {got}; {advice}")
