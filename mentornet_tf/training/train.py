"""Trains a student under a curriculum and leaves a run folder behind."""

import dataclasses
import os
import signal
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from rich.console import Console

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.mentor_curriculum import MentorCurriculum
from mentornet_tf.curricula.mentors import MENTOR_FILE
from mentornet_tf.datasets.reading.dataset import (
  TrainingData,
  as_training_data,
  describe_wrong_labels,
  named_damage,
)
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation.evaluation_sets import (
  EvaluationSets,
  check_classes,
)
from mentornet_tf.internal.atomic_files import replacing
from mentornet_tf.mentor_training.loss_dump import FILE_NAME
from mentornet_tf.runs.checkpointing import CheckpointStore
from mentornet_tf.runs.run_folder import MetricsWriter, RunFolder
from mentornet_tf.training import loop, recipes
from mentornet_tf.training.actions.checkpoint_saver import CheckpointSaver
from mentornet_tf.training.actions.divergence_guard import DivergenceGuard
from mentornet_tf.training.actions.loss_recorder import LossRecorder
from mentornet_tf.training.actions.metrics_reporter import MetricsReporter
from mentornet_tf.training.builders import build_model
from mentornet_tf.training.checkpoint_groups import variable_groups
from mentornet_tf.training.ema import with_averaged_weights
from mentornet_tf.training.image_settings import evaluation_batch_size
from mentornet_tf.training.joint.clean_subset import (
  clean_subset,
  update_batches,
)
from mentornet_tf.training.joint.loop_action import UpdateMentorAction
from mentornet_tf.training.joint.update import check_has_mentor
from mentornet_tf.training.mentored_model import MentoredModel
from mentornet_tf.training.observed_step import observed_step
from mentornet_tf.training.progress import ProgressBar


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
  """How a run goes about its work; none of this shapes the numbers.

  Attributes:
    save_interval_secs: seconds between checkpoints.
    save_interval_steps: steps between checkpoints; None saves by time alone.
    save_summaries_secs: seconds between flushes of TensorBoard's events.
    eval_interval_steps: steps between evaluations; None evaluates at the end.
    steps_per_call: training steps for each call from the host.
    record_losses: whether the loss of every training example at every step is
      written to `losses.csv`, for learning a mentor from it.
  """

  save_interval_secs: float = 1200.0
  save_interval_steps: int | None = None
  save_summaries_secs: float = 120.0
  eval_interval_steps: int | None = None
  steps_per_call: int = 20
  record_losses: bool = False


@dataclasses.dataclass(frozen=True)
class TrainingResult:
  """Where a run stands when it ends.

  Attributes:
    step: the step reached.
    finished: whether that is the last one.
    model: the trained model.
  """

  step: int
  finished: bool
  model: MentoredModel


def train_and_evaluate(
  settings: recipes.TrainingSettings,
  run_folder: str | os.PathLike,
  train_data: InMemoryDataset | TrainingData,
  eval_data: (
    InMemoryDataset | TrainingData | Mapping[str, TrainingData] | None
  ) = None,
  options: RunOptions | None = None,
  console: Console | None = None,
  clean_data: InMemoryDataset | TrainingData | None = None,
) -> TrainingResult:
  """Trains to the end, or until a signal asks to stop; continues a begun run.

  Args:
    settings: all that shapes the numbers.
    run_folder: written to; a run that was begun there is continued.
    train_data: images and labels to train on.
    eval_data: evaluated every `options.eval_interval_steps` and at the end; one
      set, or several by names that lead their columns of metrics.
    options: how the run goes about its work.
    console: where progress is printed; None prints to standard output.
    clean_data: images with labels as noisy as those of `train_data` beside
      their true ones, for updates of the mentor; None takes the share
      `settings.clean_fraction` of `train_data` for that.

  Raises:
    UserError: settings, data and folder do not go together, or the loss is no
      longer finite (the last good checkpoint stays).
  """
  options = options or RunOptions()
  console = console or Console(highlight=False, soft_wrap=True)
  # The model first: settings that cannot be built leave no folder behind.
  train_data = as_training_data(train_data, settings)
  has_clean_labels = train_data.has_clean_labels
  if options.record_losses and not has_clean_labels:
    raise UserError(
      f"record_losses: expected data whose clean labels are known, got "
      f"{train_data.name} without; a mentor cannot be learned from its losses"
    )
  if settings.weighing == "oracle" and not has_clean_labels:
    raise UserError(
      "curriculum: expected data whose true labels are known for the oracle, "
      f"got {train_data.name} without; choose another curriculum"
    )
  model = build_model(settings, train_data, Path(run_folder))
  evaluator = _evaluator(model, settings, train_data, eval_data)
  updates = recipes.build_updates(settings)
  if updates is not None:
    check_has_mentor(model.curriculum)
    updates.steps(settings.max_number_of_steps)
    clean_data = clean_subset(settings, train_data, clean_data)
  elif clean_data is not None or settings.clean_fraction:
    raise UserError(
      "clean_fraction, clean_data_dir: expected --update_mentor_at beside a "
      "clean-labelled subset, got none; give the times at which the mentor "
      "learns from it, or leave the subset out"
    )
  folder = RunFolder(
    run_folder,
    dataclasses.asdict(settings),
    train_data.run_summary()
    | ({"clean_subset": clean_data.run_summary()} if updates else {}),
    dataclasses.asdict(recipes.TrainingSettings()),
  )
  _keep_mentor(model.curriculum, folder.path)
  store = CheckpointStore(folder.path, variable_groups(model))
  start_step = store.restore_latest(warn=console.print)
  model.step.assign(start_step)
  if start_step >= settings.max_number_of_steps:
    console.print(f"{folder.path}: already finished at step {start_step}")
    return TrainingResult(start_step, True, model)
  if start_step:
    console.print(f"{folder.path}: continuing from step {start_step}")
  console.print(_readable_start(settings, train_data, options))

  batches = train_data.training_batches(
    settings.batch_size, seed=settings.seed, start_step=start_step
  )
  total_steps = settings.max_number_of_steps
  writer = MetricsWriter(
    folder,
    MetricsReporter.columns(has_clean_labels, evaluator),
    start_step,
    options.save_summaries_secs,
  )
  reporter = MetricsReporter(
    writer,
    console.print,
    interval_steps=settings.log_interval_steps,
    pace=loop.Pace(start_step, total_steps),
    pending_dir=folder.path,
    total_steps=total_steps,
    evaluator=evaluator,
    eval_interval_steps=options.eval_interval_steps,
  )
  reporter.restore_pending(start_step)
  guard = DivergenceGuard(
    variable_groups(model),
    store,
    start_step=start_step,
    interval_steps=settings.log_interval_steps,
  )
  saver = CheckpointSaver(
    store,
    [guard.check, reporter.save_pending],
    total_steps=total_steps,
    interval_steps=options.save_interval_steps,
    interval_seconds=options.save_interval_secs,
    boundary_steps=settings.log_interval_steps,
  )
  actions: list[loop.Action] = [guard, reporter]
  if options.record_losses:
    actions.append(
      LossRecorder(
        folder.path / FILE_NAME,
        batch_size=settings.batch_size,
        total_steps=total_steps,
        start_step=start_step,
      )
    )
  if updates is not None:
    actions.append(
      UpdateMentorAction(
        model,
        lambda: update_batches(settings, clean_data),
        updates,
        folder=folder.path,
        writer=writer,
        print_line=console.print,
      )
    )
  # Last, so that copies and checkpoints hold what other actions have changed.
  actions += [guard.copier, saver]
  with (
    closing(writer),
    ProgressBar(console, start_step, total_steps) as progress_bar,
    loop.stop_on_signals(signal.SIGINT, signal.SIGTERM) as should_stop,
    named_damage(
      lambda: _damage_after(model, settings, train_data, options.steps_per_call)
    ),
  ):
    step = loop.run_loop(
      loop.StepRunner(
        observed_step(model, has_clean_labels, options.record_losses), batches
      ),
      [*actions, progress_bar],
      start_step=start_step,
      total_steps=total_steps,
      steps_per_call=options.steps_per_call,
      should_stop=should_stop,
    )
    saver.save(step)
  finished = step == total_steps
  if not finished:
    console.print(
      f"stopped at step {step}; the same command continues from there"
    )
  return TrainingResult(step, finished, model)


def _readable_start(
  settings: recipes.TrainingSettings,
  train_data: TrainingData,
  options: RunOptions,
) -> str:
  """What is trained on what; the first steps can take minutes to compile."""
  wrong = describe_wrong_labels(train_data.run_summary())
  return (
    f"training {settings.studentnet} on {len(train_data)} images of "
    f"{train_data.name}, {train_data.num_classes} classes"
    f"{f', {wrong}' if wrong else ''}; curriculum "
    f"{settings.curriculum}; a line every {settings.log_interval_steps} steps; "
    f"Ctrl-C saves and ends after the {options.steps_per_call} under way"
  )


def _evaluator(
  model: MentoredModel,
  settings: recipes.TrainingSettings,
  train_data: TrainingData,
  eval_data: (
    InMemoryDataset | TrainingData | Mapping[str, TrainingData] | None
  ),
) -> EvaluationSets | None:
  """Evaluates the student on `eval_data`; None where there are none."""
  if not eval_data:
    return None
  if isinstance(eval_data, Mapping):
    check_classes(eval_data, train_data.num_classes, train_data.name)
  else:
    eval_data = as_training_data(eval_data, settings)
  return EvaluationSets(
    model.student,
    eval_data,
    evaluation_batch_size(settings),
    lambda: with_averaged_weights(model.student, model.optimizer),
  )


def _damage_after(
  model: MentoredModel,
  settings: recipes.TrainingSettings,
  train_data: TrainingData,
  num_steps: int,
) -> str | None:
  """One line on what makes a batch of the next steps unreadable, if anything.

  Within a call batches may be read some steps ahead of the model's.
  """
  done = int(model.step)
  for step in range(done, done + num_steps):
    damage = train_data.training_damage(
      step, settings.batch_size, settings.seed
    )
    if damage:
      return f"{damage}; training then continues from its last checkpoint"
  return None


def _keep_mentor(curriculum: Curriculum, folder: Path) -> None:
  """Copies a learned mentor into the run's folder: it needs no other then."""
  path = folder / MENTOR_FILE
  if isinstance(curriculum, MentorCurriculum) and not path.exists():
    with replacing(path) as partial:
      curriculum.mentor.save(partial)
