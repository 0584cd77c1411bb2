"""What converts the shards of a plan: processes of this machine, or Beam.

Both call `convert_shard` and nothing else, so both write the same bytes.
"""

import argparse
import functools
import importlib.util
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol

from mentornet_tf.datasets.writing.plan import ConversionPlan
from mentornet_tf.datasets.writing.shard import convert_shard
from mentornet_tf.errors import UserError
from mentornet_tf.internal import worker_processes
from mentornet_tf.internal.choices import check_choice

BEAM_RUNNERS = ("DirectRunner", "FlinkRunner", "SparkRunner", "DataflowRunner")

_PACKAGE = "mentornet_tf"

# Seconds between two looks at which shards Beam has finished.
_LOOK_INTERVAL = 1.0


class Runner(Protocol):
  """Converts shards, in any order and anywhere."""

  def convert(
    self,
    plan: ConversionPlan,
    indices: Sequence[int],
    on_images: Callable[[int], None],
  ) -> None:
    """Converts the shards `indices` of the plan.

    Args:
      plan: what `conversion.convert` has prepared.
      indices: which shards.
      on_images: called with the number of images done since the last call.

    Raises:
      UserError, OSError: a shard cannot be converted.
    """


@dataclass(frozen=True)
class LocalRunner:
  """Processes of this machine.

  Attributes:
    num_workers: how many. A single one, or a single shard, needs no process
      beside this one.
  """

  num_workers: int = 1

  def convert(
    self,
    plan: ConversionPlan,
    indices: Sequence[int],
    on_images: Callable[[int], None],
  ) -> None:
    """See `Runner.convert`."""
    if min(self.num_workers, len(indices)) == 1:
      for index in indices:
        convert_shard(plan, index, on_images)
      return
    task = functools.partial(convert_shard, plan)
    for _ in worker_processes.results(
      task, indices, self.num_workers, on_images
    ):
      pass


@dataclass(frozen=True)
class BeamRunner:
  """A pipeline of Apache Beam, which maps the shards' numbers.

  The workers have this package and see the source and the output under the
  same paths.

  Attributes:
    runner: one of `BEAM_RUNNERS`.
    beam_options: further command-line options of Beam.
  """

  runner: str = "DirectRunner"
  beam_options: tuple[str, ...] = ()

  def __post_init__(self) -> None:
    check_choice("runner", self.runner, BEAM_RUNNERS)
    if importlib.util.find_spec("apache_beam") is None:
      raise UserError(
        f"runner: expected Apache Beam for {self.runner}, got no such package; "
        'pip install "mentornet-tf[beam]", or leave the runner out to convert '
        "with processes of this machine"
      )
    _check_beam_options(self.beam_options)

  def convert(
    self,
    plan: ConversionPlan,
    indices: Sequence[int],
    on_images: Callable[[int], None],
  ) -> None:
    """See `Runner.convert`; images are counted by whole shards."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    # The workers stand in folders of their own.
    plan = replace(plan, output_dir=plan.output_dir.absolute())
    for index in indices:
      plan.failure_path(index).unlink(missing_ok=True)
    options = PipelineOptions(list(self.beam_options), runner=self.runner)
    pipeline = beam.Pipeline(options=options)
    _ = (
      pipeline
      | "ShardNumbers" >> beam.Create(indices)
      | "Spread" >> beam.Reshuffle()
      | "ConvertShard" >> beam.Map(functools.partial(_convert_remotely, plan))
    )
    with _watched(plan, indices, on_images):
      try:
        pipeline.run().wait_until_finish()
      except RuntimeError as error:
        if f"No module named '{_PACKAGE}'" not in str(error):
          raise
        raise UserError(
          f"beam_options: expected {_PACKAGE} to be installed where Beam's "
          "workers run, got workers without it; pip install it there, or name "
          "a setup file or a container image for the workers"
        ) from error
    for index in indices:
      if plan.failure_path(index).exists():
        raise UserError(plan.failure_path(index).read_text(encoding="utf-8"))


def _check_beam_options(words: Sequence[str]) -> None:
  """Checks Beam's options, of which Beam itself passes over unknown ones.

  Raises:
    UserError: one is unknown, has another kind of value, or names a runner.
  """
  from apache_beam.options.pipeline_options import PipelineOptions

  parser: Any = _OptionParser(
    add_help=False, allow_abbrev=False, exit_on_error=False
  )
  for group in PipelineOptions.__subclasses__():
    group._add_argparse_args(parser)
  try:
    parsed, unknown = parser.parse_known_args(list(words))
  except argparse.ArgumentError as error:
    _refuse_beam_options(str(error))
  if unknown:
    _refuse_beam_options(f"the unknown {unknown[0]!r}")
  if parsed.runner is not None:
    raise UserError(
      f"beam_options: expected options other than the runner, got "
      f"{parsed.runner!r}; name it as `runner`"
    )


class _OptionParser(argparse.ArgumentParser):
  """Raises where others print their usage and exit."""

  def error(self, message: str) -> NoReturn:
    _refuse_beam_options(message)


def _refuse_beam_options(reason: str) -> NoReturn:
  raise UserError(
    f"beam_options: expected options of Apache Beam, got {reason}; correct them"
  )


def _convert_remotely(plan: ConversionPlan, index: int) -> None:
  """Converts on a worker of Beam, which would wrap an error in its own."""
  try:
    convert_shard(plan, index)
  except UserError as error:
    plan.failure_path(index).write_text(str(error), encoding="utf-8")


@contextmanager
def _watched(
  plan: ConversionPlan,
  indices: Sequence[int],
  on_images: Callable[[int], None],
) -> Iterator[None]:
  """Reports shards while the body runs, which blocks until all are done."""
  waiting = set(indices)
  ended = threading.Event()

  def look() -> None:
    for index in sorted(waiting):
      if plan.report_path(index).exists():
        waiting.remove(index)
        on_images(len(plan.rows(index)))

  def watch() -> None:
    while not ended.wait(_LOOK_INTERVAL):
      look()

  watcher = threading.Thread(target=watch, daemon=True)
  watcher.start()
  try:
    yield
  finally:
    ended.set()
    watcher.join()
    look()
