"""Ranks labels by a run, a model, its memory of training, or by folds."""

import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import keras

from mentornet_tf.analysis.memory_ranking import (
  remembered_arrays,
  visited_positions,
)
from mentornet_tf.analysis.model_ranking import evaluated
from mentornet_tf.analysis.out_of_fold import out_of_fold
from mentornet_tf.analysis.ranking import write_suspect_labels
from mentornet_tf.analysis.run_ranking import rank_run
from mentornet_tf.analysis.suspects import SuspectLabels
from mentornet_tf.errors import UserError
from mentornet_tf.internal import atomic_files
from mentornet_tf.training.memory.remembered import RememberedExamples

# Options of one kind of ranking, with their defaults.
_OF_RUNS = (
  "source",
  "dataset_name",
  "split",
  "checkpoints",
  "checkpoint",
  "max_damaged",
  "num_images",
)
_OF_MODELS = (
  "folds",
  "seed",
  "fit_arguments",
  "outputs",
  "ids",
  "clean_labels",
  "paths",
  "class_names",
)


def rank_labels(
  model: Any = None,
  x: Any = None,
  y: Any = None,
  *,
  output_dir: str | os.PathLike | None = None,
  rank_by: str | None = None,
  batch_size: int | None = None,
  print_line: Callable[[str], Any] = print,
  **options: Any,
) -> SuspectLabels:
  """Ranks labels, most suspect first, by whatever has trained on them.

  - `rank_labels(model)`: a `MentoredModel` with a `memory`, by the averages of
    its training, without a pass.
  - `rank_labels(model, x, y)`: a classifier of any inputs, from one pass over
    the data; `x` are arrays of N inputs or structures of them, or a finite data
    set of batches with their labels (`tf.data`, `PyDataset`, any iterable).
  - `rank_labels(model, x, y, folds=5)`: models that have not seen the example,
    trained on the other folds; `model` builds one, or is one to train anew.
  - `rank_labels("runs/pd", "records/cifar10")`: a training folder of the
    command line and the folder of the TFRecords, by the run's memory if it is
    of these data, else by its last checkpoints.

  Args:
    model: a compiled Keras model, a function that builds one (with `folds`), or
      the path of a training folder.
    x: the inputs, or the folder of the records.
    y: labels of arrays: classes [N] or [N, 1], or one of K as [N, K].
    output_dir: folder for the files of `write_suspect_labels`; None writes
      none.
    rank_by: "self_confidence" ranks by 1 − p of the given label, "loss" by its
      loss, "weight" by 1 − the curriculum's weight; None takes "loss" with
      checkpoints and "self_confidence" else.
    batch_size: of the evaluation; None takes 32 for models and what suits a
      run's images.
    print_line: takes a line per checkpoint.
    **options: of models:

      - ids: [N] different whole numbers; by default positions in the data.
      - clean_labels: [N] classes, where they are known (−1 elsewhere).
      - paths: N files.
      - class_names: K names.
      - outputs: "logits" or "probabilities", what the model returns, where its
        loss does not tell.
      - folds, seed, fit_arguments: see `out_of_fold.out_of_fold`.

      Of training folders:

      - source: "memory", "checkpoints", or "auto" for the memory where there is
        one of these data with enough visits; "checkpoints" where any are given.
      - dataset_name: name in the shards' file names; by default the run's.
      - split: split in the shards' file names, by default "train".
      - checkpoints: how many of the last ones to average over; by default all.
      - checkpoint: a single one instead: "best" (that of `keep_best`), "last"
        or a step.
      - max_damaged: how many damaged records may be passed over; by default the
        run's number.
      - num_images: how many of the most suspect images to draw, by default 48.

  Returns:
    The labels with their scores; `order` ranks them, `summary()` estimates how
    many are noisy.

  Raises:
    UserError: the arguments do not fit each other, there are no classes, or the
      files cannot be written.
  """
  model, x = _by_former_names(model, x, options)
  is_run = isinstance(model, str | os.PathLike)
  _check_options(options, is_run)
  if is_run:
    if y is not None:
      raise UserError(
        "y: expected none beside a training folder, got labels; the records "
        "hold them"
      )
    return rank_run(
      model,
      x,
      output_dir=output_dir,
      rank_by=rank_by,
      batch_size=batch_size,
      print_line=print_line,
      **options,
    )
  if output_dir is not None:
    output_dir = atomic_files.writable_folder(output_dir)
  suspects = _rank_model(
    model,
    x,
    y,
    rank_by=rank_by or "self_confidence",
    print_line=print_line,
    batch_size=32 if batch_size is None else batch_size,
    **options,
  )
  if output_dir is not None:
    write_suspect_labels(suspects, None, output_dir)
  return suspects


def _by_former_names(
  model: Any, x: Any, options: dict[str, Any]
) -> tuple[Any, Any]:
  for former, name in (("train_log_dir", "model"), ("data_dir", "x")):
    if former in options:
      warnings.warn(
        f"rank_labels: {former} is now called {name}",
        DeprecationWarning,
        stacklevel=3,
      )
  return options.pop("train_log_dir", model), options.pop("data_dir", x)


def _check_options(options: Mapping[str, Any], is_run: bool) -> None:
  known, others = (_OF_RUNS, _OF_MODELS) if is_run else (_OF_MODELS, _OF_RUNS)
  for name in options:
    if name in known:
      continue
    if name not in others:
      raise TypeError(f"rank_labels() got an unexpected argument {name!r}")
    what = "a training folder" if is_run else "a model"
    raise UserError(
      f"{name}: expected none for the ranking by {what}, got "
      f"{options[name]!r}; leave it out"
    )


def _rank_model(
  model: Any,
  x: Any,
  y: Any,
  *,
  rank_by: str,
  print_line: Callable[[str], Any],
  batch_size: int,
  folds: int | None = None,
  seed: int = 0,
  fit_arguments: Mapping[str, Any] | None = None,
  outputs: str = "detect",
  **named: Any,
) -> SuspectLabels:
  if batch_size < 1:
    raise UserError(
      f"batch_size: expected at least 1, got {batch_size}; choose a larger "
      "number"
    )
  memory = getattr(model, "memory", None)
  if x is None and folds is None and memory is not None:
    return _rank_remembered(memory.examples, rank_by, print_line, y, **named)
  if x is None:
    raise UserError(
      "x: expected the inputs whose labels are to be ranked, got none; give "
      "arrays with `y` or a data set, or train a MentoredModel with `memory`"
    )
  if folds is not None:
    arrays = out_of_fold(
      model,
      x,
      y,
      folds=folds,
      seed=seed,
      fit_arguments=fit_arguments,
      batch_size=batch_size,
      outputs=outputs,
    )
    source = "out-of-fold"
  elif not isinstance(model, keras.Model):
    raise UserError(
      "model: expected a Keras model or the path of a training folder, got "
      f"{type(model).__name__}; a function that builds a model needs `folds`"
    )
  else:
    if fit_arguments is not None:
      raise UserError(
        "fit_arguments: expected them with `folds` only, got "
        f"{dict(fit_arguments)!r}; the model is not trained without"
      )
    arrays = evaluated(model, x, y, batch_size=batch_size, outputs=outputs)
    source = "evaluation"
  return SuspectLabels.from_arrays(
    rank_by=rank_by, source=source, **arrays, **named
  )


def _rank_remembered(
  examples: RememberedExamples,
  rank_by: str,
  print_line: Callable[[str], Any],
  y: Any,
  **named: Any,
) -> SuspectLabels:
  """Ranks what `fit` remembers."""
  if y is not None:
    raise UserError(
      "y: expected none without `x`, since the memory has the labels, got "
      "some; leave them out"
    )
  positions = visited_positions(examples, print_line)
  for name in ("ids", "clean_labels", "paths"):
    values = named.get(name)
    if values is None:
      continue
    if len(values) != len(examples):
      raise UserError(
        f"{name}: expected {len(examples)}, got {len(values)}; give those of "
        "the training data"
      )
    named[name] = [values[i] for i in positions]
  return SuspectLabels.from_arrays(
    **remembered_arrays(examples, positions),
    rank_by=rank_by,
    source="memory",
    **{"ids": positions, **named},
  )
