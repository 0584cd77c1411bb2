"""Replicas on several workers, one process each, that agree with each other."""

import contextlib
import faulthandler
import hashlib
import itertools
import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

# Public names lack both: jobs whose workers register and send signs of life,
# and the setting of how long these may take.
from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
from tensorflow.python.eager import context as eager_context

from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import write_bytes
from mentornet_tf.internal.rendezvous import meet
from mentornet_tf.internal.tf_config import Cluster
from mentornet_tf.training.distribution import Distribution, Mirrored

# What a worker that sends no sign of life is given before the others end.
_SILENT_SECONDS = 20
# What TensorFlow is given to connect workers that are all there.
_JOIN_SECONDS = 60

# What each worker that has done its work is given to end.
_LEAVE_SECONDS = 20

# Numbers the runs of a process, whose keys the service keeps.
_RUNS = itertools.count()

# Shared file systems may show a new file somewhat later.
_FOLDER_SECONDS = 30
_TOKEN_FILE = ".workers"

# Whole numbers of so many bits fit into int64 also after a sum over replicas.
_DIGEST_BITS = 40


class MultiWorker(Mirrored):
  """A run on several workers, each a process on a machine of its own or not.

  Args:
    strategy: of `tf.distribute`.
    cluster: the workers.
  """

  def __init__(
    self,
    strategy: tf.distribute.MultiWorkerMirroredStrategy,
    cluster: Cluster,
  ):
    super().__init__(strategy)
    self._cluster = cluster
    self.is_chief = cluster.index == 0

    @tf.function
    def gather(row: tf.Tensor) -> tf.Tensor:
      def summed() -> tf.Tensor:
        replica = tf.distribute.get_replica_context()
        # A copy, which unlike an argument is on the replica's device.
        own = tf.identity(row)
        return replica.all_reduce(tf.distribute.ReduceOp.SUM, own)

      return strategy.experimental_local_results(strategy.run(summed))[0]

    self._gather = gather

  def agreed_steps(self, num_steps: int) -> int:
    return min(self._gathered(num_steps))

  def of_chief(self, value: int) -> int:
    return self._gathered(value)[0]

  def check_agreed(self, name: str, value: str) -> None:
    digest = hashlib.sha256(value.encode()).digest()
    known = self._gathered(int.from_bytes(digest, "big") >> 256 - _DIGEST_BITS)
    others = [i for i, each in enumerate(known) if each != known[0]]
    if others:
      raise UserError(
        f"{name}: expected the same on every worker, got others at "
        f"{self._named(others)} than at {self._named([0])}; give all of them "
        "the same command and the same data"
      )

  def check_shared(self, folder: Path) -> None:
    path = folder / _TOKEN_FILE
    token = secrets.randbits(_DIGEST_BITS)
    if self.is_chief:
      write_bytes(path, str(token).encode())
    token = self.of_chief(token)
    seen = self._gathered(int(_is_written(path, str(token))))
    if self.is_chief:
      path.unlink()
    blind = [i for i, each in enumerate(seen) if not each]
    if blind:
      raise UserError(
        f"{folder}: expected a folder that all workers share, got one that "
        f"{self._named(blind)} cannot see; put it on a shared file system"
      )

  def finish(self) -> None:
    self._gathered(0)
    # All have done their work, but one that left now would cut off those that
    # still wait for its part of the sum. So they go once all have it, and the
    # first, whose service answers the others, goes last.
    with contextlib.suppress(tf.errors.OpError):
      self._leave_together()

  @contextmanager
  def named_failures(self) -> Iterator[None]:
    try:
      yield
    except tf.errors.OpError as error:
      silent = self._silent_workers()
      if not silent:
        raise
      raise UserError(
        f"{self._named(silent)} has ended or cannot be reached: see what it "
        "printed; the same commands continue from the last checkpoint"
      ) from error

  def _leave_together(self) -> None:
    """Waits, a while at most for each, until all have what they wait for."""
    context = eager_context.context()
    milliseconds = 1000 * _LEAVE_SECONDS
    run = next(_RUNS)
    if not self.is_chief:
      context.set_config_key_value(f"done/{run}/{self._cluster.index}", "1")
      context.get_config_key_value(f"all done/{run}", milliseconds)
      return
    others = range(1, len(self._cluster))
    for index in others:
      context.get_config_key_value(f"done/{run}/{index}", milliseconds)
    context.set_config_key_value(f"all done/{run}", "1")
    end, left = time.monotonic() + _LEAVE_SECONDS, [*others]
    while left and time.monotonic() < end:
      left = [each for each in left if self._cluster.answers(each, 0.2)]
      time.sleep(0.1)

  def _gathered(self, value: int) -> list[int]:
    """The values of all workers, whole numbers of 40 bits."""
    row = np.zeros(len(self._cluster), np.int64)
    row[self._cluster.index] = value
    replicas_of_each = self.num_replicas // len(self._cluster)
    return (self._gather(tf.constant(row)).numpy() // replicas_of_each).tolist()

  def _silent_workers(self) -> list[int]:
    # One that has just been killed may answer for a moment.
    for _ in range(3):
      if silent := self._cluster.silent():
        return silent
      time.sleep(1)
    return []

  def _named(self, workers: list[int]) -> str:
    return ", ".join(map(self._cluster.named, workers))


def open_workers(cluster: Cluster) -> Distribution:
  """Waits for all workers of a cluster.

  To be called before TensorFlow is used for anything else.

  Raises:
    UserError: some do not come, or have another number of GPUs.
  """
  meet(cluster, len(tf.config.list_physical_devices("GPU")))
  _configure(cluster)
  print(
    "connecting the workers; if one ends now, this process ends after "
    f"{_JOIN_SECONDS} s with a list of its threads, and the same command "
    "starts again",
    flush=True,
  )
  # Should one die in this very moment, TensorFlow would wait for ever, and no
  # line of Python would run.
  faulthandler.dump_traceback_later(_JOIN_SECONDS, exit=True)
  try:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
  finally:
    faulthandler.cancel_dump_traceback_later()
  # TensorFlow takes SIGTERM for itself, and would go on.
  signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
  return MultiWorker(strategy, cluster)


def _configure(cluster: Cluster) -> None:
  """Makes TensorFlow notice workers that are silent."""
  jobs = [
    coordination_config_pb2.CoordinatedJob(
      name=job, num_tasks=cluster.jobs.count(job)
    )
    for job in sorted(set(cluster.jobs))
  ]
  eager_context.context().configure_coordination_service(
    service_type="standalone",
    service_leader=f"/job:{cluster.jobs[0]}/replica:0/task:0",
    cluster_register_timeout_in_ms=1000 * _JOIN_SECONDS,
    heartbeat_timeout_in_ms=1000 * _SILENT_SECONDS,
    coordinated_jobs=jobs,
  )


def _is_written(path: Path, text: str) -> bool:
  """Whether a file of that content is there, or comes within some seconds."""
  end = time.monotonic() + _FOLDER_SECONDS
  while True:
    with contextlib.suppress(OSError):
      os.listdir(path.parent)  # network file systems look again
      if path.read_text() == text:
        return True
    if time.monotonic() > end:
      return False
    time.sleep(0.2)
