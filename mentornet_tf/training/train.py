"""Trains a student under a curriculum and leaves a run folder behind."""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from mentornet_tf.curricula.curriculum import Curriculum
from mentornet_tf.curricula.mentor_curriculum import MentorCurriculum
from mentornet_tf.curricula.mentors import MENTOR_FILE
from mentornet_tf.datasets.labels.label_noise import describe_noisy_labels
from mentornet_tf.datasets.reading.dataset import (
  TrainingData,
  as_training_data,
)
from mentornet_tf.datasets.reading.digests import data_digest
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation.evaluation_sets import (
  EvaluationSets,
  check_classes,
)
from mentornet_tf.internal.atomic_files import (
  creatable_folder,
  replacing,
  writable_folder,
)
from mentornet_tf.internal.folder_lock import locked
from mentornet_tf.internal.tensorflow_startup import require_tensorflow
from mentornet_tf.runs.checkpointing import CheckpointStore
from mentornet_tf.runs.run_folder import RunFolder
from mentornet_tf.settings import RunOptions, TrainingSettings
from mentornet_tf.settings.metric_columns import check_metric
from mentornet_tf.training.builders import build_model, build_updates
from mentornet_tf.training.checkpoint_groups import variable_groups
from mentornet_tf.training.compilation import check_compiles
from mentornet_tf.training.devices import open_distribution
from mentornet_tf.training.distribution import Distribution, check_batch_size
from mentornet_tf.training.ema import with_averaged_weights
from mentornet_tf.training.joint.clean_subset import (
  clean_subset,
)
from mentornet_tf.training.joint.update import check_has_mentor
from mentornet_tf.training.mentored_model import MentoredModel
from mentornet_tf.training.running import JointTraining, Run, run_to_end


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


# What can be evaluated: one set, or several by names.
EvalData = InMemoryDataset | TrainingData | Mapping[str, TrainingData]


def train_and_evaluate(
  settings: TrainingSettings,
  run_folder: str | os.PathLike,
  train_data: InMemoryDataset | TrainingData,
  eval_data: EvalData | None = None,
  options: RunOptions | None = None,
  console: Console | None = None,
  clean_data: InMemoryDataset | TrainingData | None = None,
) -> TrainingResult:
  """Trains to the end, or until a signal asks to stop.

  Args:
    settings: all that shapes the numbers.
    run_folder: written to; an interrupted run that it holds is continued.
    train_data: images and labels to train on.
    eval_data: evaluated every `options.eval_interval_steps` and at the end; one
      set, or several by names that lead their columns of metrics.
    options: how the run goes about its work.
    console: where progress is printed; None prints to standard output.
    clean_data: images with labels as noisy as those of `train_data` beside
      their clean ones, for updates of the mentor; None takes the share
      `clean_fraction` of `train_data` for that.

  Raises:
    UserError: settings, data and folder do not go together, or the loss is no
      longer finite (the last good checkpoint stays).
  """
  require_tensorflow("runs of the loop")
  options = options or RunOptions()
  distribution = open_distribution(options)
  _check_replicas(settings, distribution)
  console = console or Console(highlight=False, markup=False, soft_wrap=True)
  if not distribution.is_chief:
    console = Console(quiet=True)
  creatable_folder(run_folder)
  train_data = as_training_data(train_data, settings.augmentation)
  _check_clean_labels(settings, options, train_data)
  summary = _data_summary(train_data)
  with distribution.named_failures():
    distribution.check_agreed("settings", str(settings))
    distribution.check_agreed("data", str(summary))
    distribution.check_agreed("options", str(options))
    # The model first: settings that cannot be built leave no folder behind.
    with distribution.scope():
      model = build_model(settings, train_data, Path(run_folder))
    if settings.student.jit_compile:
      check_compiles(model)
    evaluator = _evaluator(model, settings, train_data, eval_data)
    if options.keep_best:
      check_metric(options.keep_best, evaluator.columns if evaluator else ())
    joint = _joint_training(
      model, settings, train_data, clean_data, distribution
    )
    if joint is not None:
      summary["clean_subset"] = _data_summary(joint.subset.data)

    with _open_folder(
      run_folder, settings, summary, model, distribution, console
    ) as folder:
      store = CheckpointStore(Path(run_folder), variable_groups(model))
      start_step = _restore(store, distribution, console)
      model.step.assign(start_step)
      total_steps = model.total_steps
      if start_step >= total_steps:
        console.print(f"{run_folder}: already finished at step {start_step}")
        distribution.finish()
        return TrainingResult(start_step, True, model)
      if start_step:
        console.print(f"{run_folder}: continuing from step {start_step}")
      console.print(
        _readable_start(settings, train_data, options, distribution)
      )

      step = run_to_end(
        Run(
          batch_size=settings.data.batch_size,
          seed=settings.run.seed,
          log_interval_steps=settings.run.log_interval_steps,
          options=options,
          model=model,
          train_data=train_data,
          evaluator=evaluator,
          joint=joint,
          distribution=distribution,
          folder=folder,
          store=store,
          start_step=start_step,
          jit_compile=settings.student.jit_compile,
          console=console,
        )
      )
      distribution.finish()
  finished = step == total_steps
  if not finished:
    console.print(
      f"stopped at step {step}; the same command continues from there"
    )
  return TrainingResult(step, finished, model)


def _check_replicas(
  settings: TrainingSettings, distribution: Distribution
) -> None:
  check_batch_size(settings.data.batch_size, distribution)
  count = distribution.num_replicas
  if count == 1:
    return
  if settings.student.jit_compile:
    raise UserError(
      "jit_compile: expected one device with it, `distribution=off`, got "
      f"{count} replicas, whose exchange XLA does not compile; leave one out"
    )
  if settings.student.mixed_precision == "mixed_float16":
    raise UserError(
      "mixed_precision: expected float32 or mixed_bfloat16 on several "
      f"replicas, got mixed_float16 on {count}, which may disagree on which "
      "steps overflow; choose mixed_bfloat16"
    )


@contextmanager
def _open_folder(
  path: str | os.PathLike,
  settings: TrainingSettings,
  data_summary: Mapping[str, Any],
  model: MentoredModel,
  distribution: Distribution,
  console: Console,
) -> Iterator[RunFolder | None]:
  """The folder of a run, locked; None on workers that leave it to the chief."""
  if not distribution.is_chief:
    distribution.check_shared(Path(path))
    yield None
    return
  with locked(writable_folder(path), "train", warn=console.print):
    folder = RunFolder(
      path,
      settings.values(),
      data_summary,
      TrainingSettings().values(),
      warn=console.print,
    )
    distribution.check_shared(folder.path)
    _keep_mentor(model.curriculum, folder.path)
    yield folder


def _restore(
  store: CheckpointStore, distribution: Distribution, console: Console
) -> int:
  """Loads the newest checkpoint, the same on all workers; gives its step."""
  if distribution.is_chief:
    return distribution.of_chief(store.restore_latest(warn=console.print))
  step = distribution.of_chief(0)
  if step:
    store.restore_step(step)
  return step


def _check_clean_labels(
  settings: TrainingSettings, options: RunOptions, train_data: TrainingData
) -> None:
  if train_data.has_checked_labels:
    return
  if options.record_losses:
    raise UserError(
      "record_losses: expected data whose clean labels are known, got "
      f"{train_data.name} without; a mentor cannot be trained from its losses"
    )
  if settings.weighing == "oracle":
    raise UserError(
      "curriculum: expected data whose clean labels are known for the oracle, "
      f"got {train_data.name} without; choose another curriculum"
    )


def _evaluator(
  model: MentoredModel,
  settings: TrainingSettings,
  train_data: TrainingData,
  eval_data: EvalData | None,
) -> EvaluationSets | None:
  """Evaluates the student on `eval_data`; None where there are none."""
  if not eval_data:
    return None
  if not isinstance(eval_data, Mapping):
    eval_data = as_training_data(eval_data)
  check_classes(
    eval_data
    if isinstance(eval_data, Mapping)
    else {eval_data.name: eval_data},
    train_data.num_classes,
    train_data.class_names,
    train_data.name,
  )
  return EvaluationSets(
    model.student,
    eval_data,
    settings.evaluation_batch_size,
    lambda: with_averaged_weights(model.student, model.optimizer),
  )


def _joint_training(
  model: MentoredModel,
  settings: TrainingSettings,
  train_data: TrainingData,
  clean_data: InMemoryDataset | TrainingData | None,
  distribution: Distribution,
) -> JointTraining | None:
  """Updates of the mentor and their images; None where it is not updated."""
  schedule = build_updates(settings)
  fraction = settings.joint.clean_fraction
  if schedule is None:
    if clean_data is not None or fraction:
      raise UserError(
        "clean_fraction, clean_data_dir: expected `update_mentor_at` beside a "
        "clean-labeled subset, got none; give the times at which the mentor "
        "is trained on it, or leave the subset out"
      )
    return None
  if distribution.num_replicas > 1:
    raise UserError(
      "update_mentor_at: expected a run on one device, `distribution=off`, got "
      f"{distribution.num_replicas} replicas; leave the updates out, or the "
      "distribution"
    )
  check_has_mentor(model.curriculum)
  schedule.steps(model.total_steps)  # refused before there is a folder
  if clean_data is not None:
    if model.curriculum.uses_memory:
      raise UserError(
        "clean_data_dir: expected none beside a mentor that sees what training "
        f"remembers of its images, got {as_training_data(clean_data).name}; "
        "set `clean_fraction` instead, where the training images have clean "
        "labels"
      )
    clean_data = as_training_data(clean_data, settings.augmentation)
  subset = clean_subset(
    train_data,
    clean_data,
    clean_fraction=fraction,
    seed=settings.run.seed,
  )
  return JointTraining(schedule, subset)


def _data_summary(data: TrainingData) -> dict[str, Any]:
  """What run.json says of the data, and what tells them from others."""
  return data.run_summary() | {"digest": data_digest(data)}


def _readable_start(
  settings: TrainingSettings,
  train_data: TrainingData,
  options: RunOptions,
  distribution: Distribution,
) -> str:
  """What is trained on what; the first steps can take minutes to compile."""
  noisy = describe_noisy_labels(train_data.run_summary())
  replicas = distribution.num_replicas
  shared = f" on {replicas} replicas" if replicas > 1 else ""
  return (
    f"training {settings.student.studentnet}{shared} on {len(train_data)} "
    f"images of {train_data.name}, {train_data.num_classes} classes"
    f"{f', {noisy}' if noisy else ''}; curriculum "
    f"{settings.curriculum.curriculum}; a line every "
    f"{settings.run.log_interval_steps} steps; Ctrl-C finishes the steps "
    "under way, saves and ends"
  )


def _keep_mentor(curriculum: Curriculum, folder: Path) -> None:
  """Copies a mentor into the run's folder: it needs no other then."""
  path = folder / MENTOR_FILE
  if isinstance(curriculum, MentorCurriculum) and not path.exists():
    with replacing(path) as partial:
      curriculum.mentor.save(partial)
