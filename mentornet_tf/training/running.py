"""The steps of a run whose folder is open, and what is done between them."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mentornet_tf.datasets.reading.dataset import TrainingData, named_damage
from mentornet_tf.evaluation.evaluation_sets import EvaluationSets
from mentornet_tf.internal import stop_signals
from mentornet_tf.mentor_training.loss_dump import FILE_NAME
from mentornet_tf.runs.best_checkpoint import BestCheckpoint, best_prefix
from mentornet_tf.runs.checkpointing import CheckpointStore
from mentornet_tf.runs.run_folder import MetricsWriter, RunFolder, read_metrics
from mentornet_tf.settings import RunOptions
from mentornet_tf.training import loop
from mentornet_tf.training.actions.checkpoint_saver import CheckpointSaver
from mentornet_tf.training.actions.divergence_guard import DivergenceGuard
from mentornet_tf.training.actions.loss_recorder import LossRecorder
from mentornet_tf.training.actions.memory_keeper import (
  MemoryKeeper,
  MemoryOf,
  keeps_memory,
)
from mentornet_tf.training.actions.metrics_reporter import MetricsReporter
from mentornet_tf.training.actions.pace_lines import PaceLines
from mentornet_tf.training.checkpoint_groups import variable_groups
from mentornet_tf.training.distribution import Distribution
from mentornet_tf.training.joint.clean_subset import (
  CheckedSubset,
  update_batches,
)
from mentornet_tf.training.joint.loop_action import UpdateMentorAction
from mentornet_tf.training.joint.schedule import UpdateSchedule
from mentornet_tf.training.late_collapse import describe_fall
from mentornet_tf.training.loss_scaling import most_skipped_steps
from mentornet_tf.training.mentored_model import MentoredModel
from mentornet_tf.training.observed_step import observed_step
from mentornet_tf.training.progress import ProgressBar


@dataclass(frozen=True)
class JointTraining:
  """When the mentor is updated, and on which images with clean labels."""

  schedule: UpdateSchedule
  subset: CheckedSubset


@dataclass(frozen=True, kw_only=True)
class Run:
  """A run whose folder is open, ready for its next step.

  Attributes:
    batch_size: images per batch.
    seed: of the order of the images.
    log_interval_steps: steps between rows of metrics.
    options: how it goes about its work.
    model: restored as it was after `start_step`.
    train_data: what it trains on.
    evaluator: gives columns of metrics; None evaluates nothing.
    joint: updates of the mentor; None where it stays as it is.
    distribution: its devices.
    folder: the training folder; None on workers that leave it to the chief.
    store: its checkpoints.
    start_step: the steps that are done.
    jit_compile: whether XLA compiles the step.
    console: where progress is printed.
  """

  batch_size: int
  seed: int
  log_interval_steps: int
  options: RunOptions
  model: MentoredModel
  train_data: TrainingData
  evaluator: EvaluationSets | None
  joint: JointTraining | None
  distribution: Distribution
  folder: RunFolder | None
  store: CheckpointStore
  start_step: int
  jit_compile: bool
  console: Console


def run_to_end(run: Run) -> int:
  """Trains until the last step, or a signal; saves and gives the step reached.

  Raises:
    UserError: the loss is no longer finite, or a record is damaged.
  """
  options, model, start_step = run.options, run.model, run.start_step
  has_checked_labels = run.train_data.has_checked_labels
  distribution = run.distribution
  batches = distribution.training_batches(
    run.train_data, run.batch_size, seed=run.seed, start_step=start_step
  )
  remembers = keeps_memory(options.memory, run.train_data)
  step_function = observed_step(
    model,
    has_checked_labels,
    with_examples=options.record_losses or remembers,
    with_probabilities=remembers,
  )
  with (
    _actions(run) as (actions, save),
    stop_signals.stop_on_signals(signal.SIGINT, signal.SIGTERM) as should_stop,
    named_damage(lambda: _damage_after(run)),
    distribution.named_failures(),
  ):
    step = loop.run_loop(
      loop.StepRunner(
        distribution.replicated(step_function), batches, run.jit_compile
      ),
      actions,
      start_step=start_step,
      total_steps=model.total_steps,
      steps_per_call=options.steps_per_call,
      should_stop=should_stop,
      agreed_steps=distribution.agreed_steps,
    )
    save(step)
  if step == model.total_steps and run.folder and run.evaluator:
    _tell_fall(run, run.folder.path, run.evaluator.columns)
  return step


@contextmanager
def _actions(
  run: Run,
) -> Iterator[tuple[list[loop.Action], Callable[[int], None]]]:
  """What happens between steps, in order, and what saves at the end.

  The chief does all of it, and decides how long calls are.
  """
  if run.folder is None:
    yield [], lambda step: None
    return
  writer = MetricsWriter(
    run.folder,
    MetricsReporter.columns(
      run.train_data.has_checked_labels,
      run.evaluator,
      estimates_percentile=run.model.curriculum.clean_share is not None,
    ),
    run.start_step,
    run.options.save_summaries_secs,
  )
  total_steps = run.model.total_steps
  with (
    closing(writer),
    ProgressBar(run.console, run.start_step, total_steps) as progress_bar,
  ):
    actions, saver = _writing_actions(run, run.folder, writer)
    yield [*actions, progress_bar], saver.save


def _writing_actions(
  run: Run, folder: RunFolder, writer: MetricsWriter
) -> tuple[list[loop.Action], CheckpointSaver]:
  options, model, start_step = run.options, run.model, run.start_step
  total_steps = model.total_steps
  interval_steps = run.log_interval_steps
  batch_size = run.batch_size
  best = None
  if options.keep_best:
    best = BestCheckpoint(folder.path, options.keep_best, run.store)
  pace_lines = PaceLines(
    run.console.print, total_steps, only_note=run.console.is_terminal
  )
  reporter = MetricsReporter(
    writer,
    pace_lines.print_line,
    interval_steps=interval_steps,
    pace=loop.Pace(start_step, total_steps),
    pending_dir=folder.path,
    total_steps=total_steps,
    evaluator=run.evaluator,
    eval_interval_steps=options.eval_interval_steps,
    on_row=best.observe if best else None,
  )
  reporter.restore_pending(start_step)
  guard = DivergenceGuard(
    variable_groups(model),
    run.store,
    start_step=start_step,
    interval_steps=interval_steps,
    most_skipped=most_skipped_steps(model.optimizer),
  )
  before_save = [guard.check, reporter.save_pending]
  keeper: MemoryKeeper | None = None
  actions: list[loop.Action] = [guard, reporter, pace_lines]
  if keeps_memory(options.memory, run.train_data):
    keeper = MemoryKeeper(
      folder.path,
      MemoryOf.of_run(
        folder.path,
        run.train_data,
        batch_size,
        run.seed,
        options.steps_per_call,
      ),
      start_step=start_step,
      print_line=run.console.print,
    )
    actions.append(keeper)
    before_save.append(keeper.save)
  saver = CheckpointSaver(
    run.store,
    before_save,
    total_steps=total_steps,
    interval_steps=options.save_interval_steps,
    interval_seconds=options.save_interval_secs,
    boundary_steps=interval_steps,
  )
  if options.record_losses:
    recorder = LossRecorder(
      folder.path / FILE_NAME,
      batch_size=batch_size,
      total_steps=total_steps,
      start_step=start_step,
      memory=keeper,
    )
    actions.append(recorder)
  joint = run.joint
  if joint is not None:
    seed = run.seed
    # Paper, Algorithm 1, lines 5 to 7.
    update = UpdateMentorAction(
      model,
      lambda: update_batches(joint.subset, batch_size, seed),
      joint.schedule,
      folder=folder.path,
      writer=writer,
      print_line=run.console.print,
    )
    actions.append(update)
  # Last, so that copies and checkpoints hold what other actions have changed.
  return [*actions, guard.copier, saver], saver


def _tell_fall(run: Run, folder: Path, columns: Sequence[str]) -> None:
  """Says where the accuracy ends far below its best."""
  fall = describe_fall(read_metrics(folder), columns, best_prefix(folder))
  if fall:
    run.console.print(fall)


def _damage_after(run: Run) -> str | None:
  """One line on what makes a batch of the next steps unreadable, if anything.

  Within a call batches may be read some steps ahead of the model's.
  """
  batch_size, seed = run.batch_size, run.seed
  done = int(run.model.step.value.numpy())
  for step in range(done, done + run.options.steps_per_call):
    damage = run.train_data.training_damage(step, batch_size, seed)
    if damage:
      return (
        f"{damage}; with the same images, training then continues from its "
        "last checkpoint"
      )
  return None
