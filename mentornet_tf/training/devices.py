"""The devices that a run asks for."""

import contextlib

import tensorflow as tf

from mentornet_tf.errors import UserError
from mentornet_tf.internal.tf_config import cluster_of_environment
from mentornet_tf.settings import RunOptions
from mentornet_tf.training.distribution import Distribution, Mirrored
from mentornet_tf.training.workers import open_workers

# A process can have one strategy: two would mix up their collective operations.
# The first one is kept.
_opened: dict[tuple[str, int], Distribution] = {}


def open_distribution(options: RunOptions) -> Distribution:
  """The devices that `options` name.

  To be called before TensorFlow is used for anything else, where there are
  several workers or logical CPU devices; later calls give the same ones.

  Raises:
    UserError: there are no such devices, this process has opened others, or
      workers do not come.
  """
  if options.distribution == "off":
    return Distribution()
  key = options.distribution, options.num_devices
  if _opened and key not in _opened:
    ((distribution, num_devices),) = _opened
    raise UserError(
      f"distribution, num_devices: expected {distribution} and {num_devices}, "
      "as in this process' first run on several replicas, got "
      f"{options.distribution} and {options.num_devices}; start another process"
    )
  if key not in _opened:
    _opened[key] = _open(options)
  return _opened[key]


def _open(options: RunOptions) -> Distribution:
  if options.distribution == "mirrored":
    devices = _local_devices(options.num_devices)
    return Mirrored(tf.distribute.MirroredStrategy(devices))
  cluster = cluster_of_environment()
  if len(cluster) > 1:
    return open_workers(cluster)
  if not tf.config.list_physical_devices("GPU"):
    return Distribution()
  return Mirrored(tf.distribute.MirroredStrategy(_local_devices(0)))


def _local_devices(num_devices: int) -> list[str]:
  """GPUs where there are any, else logical CPU devices."""
  kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
  if kind == "CPU":
    if not num_devices:
      raise UserError(
        "num_devices: expected a number of CPU devices where there is no GPU, "
        "got none; give 2 to try it, or leave `distribution` out"
      )
    _split_cpu(num_devices)
  found = len(tf.config.list_logical_devices(kind))
  if found < num_devices and kind == "CPU":
    raise UserError(
      "num_devices: expected to divide the CPU before TensorFlow has begun, "
      f"got a process that has used it with {found} CPU device(s); start "
      "another process, and train first"
    )
  if found < num_devices:
    raise UserError(
      f"num_devices: expected at most the {found} GPUs that TensorFlow "
      f"sees, got {num_devices}; choose fewer"
    )
  return [f"{kind}:{i}" for i in range(num_devices or found)]


def _split_cpu(num_devices: int) -> None:
  (cpu,) = tf.config.list_physical_devices("CPU")
  # Where TensorFlow is initialized already, its devices stay as they are.
  with contextlib.suppress(RuntimeError):
    tf.config.set_logical_device_configuration(
      cpu, [tf.config.LogicalDeviceConfiguration()] * num_devices
    )
