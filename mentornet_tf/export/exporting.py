"""Exports students and mentors of training runs, or models as they are."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from mentornet_tf.curricula.mentor_curriculum import MentorCurriculum
from mentornet_tf.curricula.mentors import load_mentor
from mentornet_tf.datasets.sources.class_names import CLASS_NAMES
from mentornet_tf.errors import UserError
from mentornet_tf.export import formats
from mentornet_tf.export.heads import Head, find_head, refuse_unknown
from mentornet_tf.export.own_images import (
  ImageFunction,
  input_shape,
  prepared_as_said,
)
from mentornet_tf.export.preparation import Preparation, preparation_of_run
from mentornet_tf.internal.atomic_files import creatable_folder, refuse_existing
from mentornet_tf.internal.checkpoint_files import is_pattern
from mentornet_tf.runs.best_checkpoint import checkpoint_prefix
from mentornet_tf.runs.checkpointing import latest_checkpoint, restore
from mentornet_tf.runs.run_folder import read_run, settings_of_run
from mentornet_tf.runs.trained_run import open_run, settings_or_defaults
from mentornet_tf.training.builders import build_curriculum
from mentornet_tf.training.mentored_model import MentoredModel


def export_student(
  student: keras.Model | str | os.PathLike,
  output_dir: str | os.PathLike,
  class_names: Sequence[str] | None = None,
  image_size: int | tuple[int, int] | None = None,
  preparation: str | ImageFunction | None = "detect",
  *,
  outputs: str = "detect",
  file_format: str = "saved_model",
  studentnet: str = "resnet101",
  dataset_name: str | None = None,
  checkpoint: str | int | None = None,
  warn: Callable[[str], Any] = print,
) -> Path:
  """Writes a student for use without this package.

  A SavedModel has the signatures `images_uint8` (also `serving_default`) and
  `images_float`, batches [B, height, width, channels] of raw pixels 0..255,
  and `encoded`, image files as strings [B]. All give "classes" [B] int64,
  "probabilities" [B, K] float32 and, of a student that ends in logits, "logits"
  [B, K] float32; a student with one output has K = 2 classes and logits [B, 1].

  Images of a training folder are prepared as its evaluation does: those of a
  run with an image size are resized, cut about their center and scaled
  (`export.preparation.LargeImages`), others go through the resizing of their
  conversion to records, are cut or zero-padded to the student's size and
  standardized (`SmallImages`). Those of a model are prepared as `preparation`
  and `image_size` say.

  Args:
    student: a training folder, of this package or of the original TensorFlow 1
      code (its newest checkpoint is taken); the prefix of one checkpoint; or a
      model from images to one output [B, K]. Of a MentoredModel the student is
      taken.
    output_dir: a new folder; it appears when it is complete.
    class_names: K names; of one output that of the negative and that of the
      positive class. None takes those of the training data, or numbers.
    image_size: for a model, the side or (height, width) that images of any size
      are resized to, bilinearly and not keeping their proportions, as
      `keras.layers.Resizing` does. None serves images of the size that the
      student takes, or of any size where that is open, and refuses others.
    preparation: for a model, how its training images were made of pixels:
      "standardize", each by its own mean and deviation; None, pixels 0..255 as
      they are; or a function of TensorFlow operations from float32 images
      [B, height, width, channels] of values 0..255 to what the student takes,
      which becomes part of the SavedModel. "detect" finds a Rescaling or
      Normalization of such pixels at the student's input, which is None.
    outputs: for a model, "logits" or "probabilities", what it gives. "detect"
      goes by its last layer.
    file_format: "saved_model"; "keras", student.keras, the bare student on
      prepared images; or "tflite", student.tflite on float pixels.
    studentnet: the student's name where a folder holds no run.json.
    dataset_name: names the classes where a folder holds no run.json.
    checkpoint: of a training folder, "best" (that of `keep_best`), "last" or a
      step; None takes the newest that can be read.
    warn: takes one line for each damaged checkpoint that is passed over, and
      where an older version's run.json does not tell how images were resized.

  Returns:
    `output_dir`.

  Raises:
    UserError: `output_dir` exists, there is no checkpoint or none that can be
      read, the names do not match the classes, the student takes or gives
      something that cannot be served, an argument is not known and would be
      guessed, or the format cannot hold how the images are prepared.
  """
  output_dir = Path(output_dir)
  formats.check_format(file_format)
  refuse_existing(output_dir)
  creatable_folder(output_dir)
  given = {
    "image_size": (image_size, None),
    "preparation": (preparation, "detect"),
    "outputs": (outputs, "detect"),
  }
  if isinstance(student, (str, os.PathLike)):
    _refuse(given, "a training folder, whose run.json tells")
    if checkpoint is not None:
      student = checkpoint_prefix(student, checkpoint, warn)
    export = _of_run(student, studentnet, file_format, warn)
    if class_names is None:
      class_names = export.class_names
    dataset_name = export.dataset_name or dataset_name
  elif isinstance(student, keras.Model):
    _refuse({"checkpoint": (checkpoint, None)}, "a model, which has none")
    if isinstance(student, MentoredModel):
      student = student.student
    if file_format == "keras":
      del given["outputs"]
      _refuse(given, "a .keras file, the bare student on prepared images")
    export = _of_model(student, image_size, preparation, outputs, file_format)
  else:
    raise UserError(
      "student: expected a training folder or a keras.Model, got "
      f"{type(student).__name__}; give one of them"
    )
  names = _class_names(class_names, dataset_name, export.head)
  if export.preparation is None:
    formats.write_keras(export.student, "student", output_dir, names)
  else:
    formats.write_student(
      export.student,
      export.preparation,
      export.head,
      names,
      output_dir,
      file_format,
    )
  _note_pattern(output_dir, file_format, warn)
  return output_dir


def export_mentor(
  mentor: keras.Model | str | os.PathLike,
  output_dir: str | os.PathLike,
  *,
  file_format: str = "saved_model",
  warn: Callable[[str], Any] = print,
) -> Path:
  """Writes a mentor for use without this package.

  The signature `serving_default` of a SavedModel takes "features" [B, 4]
  float32 (loss in nats, loss difference, label, epoch percentage) and gives
  "weights" [B] float32 in 0..1. That of a mentor which sees the memory of
  training takes eight features, each [B] float32, by the names that
  `curricula.memory_columns.NAMES` lists.

  Args:
    mentor: the training folder of a student's run under a mentor, all that
      `load_mentor` takes, or a model from features to logits [B, 1].
    output_dir: a new folder; it appears when it is complete.
    file_format: "saved_model"; "keras", mentor.keras, from features to logits;
      or "tflite", mentor.tflite.
    warn: takes a line where TensorFlow cannot load from `output_dir`.

  Returns:
    `output_dir`.

  Raises:
    UserError: `output_dir` exists, there is no such mentor, or the run had
      none.
  """
  output_dir = Path(output_dir)
  formats.check_format(file_format)
  refuse_existing(output_dir)
  creatable_folder(output_dir)
  if not isinstance(mentor, keras.Model):
    run = read_run(mentor) if Path(mentor).is_dir() else None
    mentor = (
      _mentor_of_run(Path(mentor), run)
      if run
      else load_mentor(os.fspath(mentor))
    )
  formats.write_mentor(mentor, output_dir, file_format)
  _note_pattern(output_dir, file_format, warn)
  return output_dir


def _note_pattern(
  output_dir: Path, file_format: str, warn: Callable[[str], Any]
) -> None:
  if file_format == "saved_model" and is_pattern(output_dir):
    warn(
      f"note: {output_dir}: TensorFlow takes such a path for a pattern and "
      "loads no SavedModel from it; move the folder to one without *, ?, [ and "
      "\\ before it is loaded"
    )


@dataclass(frozen=True)
class _Export:
  """What is to be written of a student.

  Attributes:
    student: with its weights.
    head: what its output means.
    preparation: of raw images; None writes the bare student.
    class_names: those of its training data, if known.
    dataset_name: that of its training data, if known.
  """

  student: keras.Model
  head: Head
  preparation: Preparation | None
  class_names: Sequence[str] | None = None
  dataset_name: str | None = None


def _of_run(
  path: str | os.PathLike,
  studentnet: str,
  file_format: str,
  warn: Callable[[str], Any],
) -> _Export:
  run = open_run(path, studentnet)
  crop = settings_or_defaults(path).images.crop
  preparation = preparation_of_run(run, crop, file_format, warn)
  run.load_newest(warn)
  images = keras.KerasTensor((None, *preparation.student_size, 3))
  return _Export(
    run.student,
    Head(run.student(images).shape[-1], "logits"),
    None if file_format == "keras" else preparation,
    run.data.get("class_names"),
    run.dataset_name,
  )


def _of_model(
  student: keras.Model,
  image_size: int | tuple[int, int] | None,
  preparation: str | ImageFunction | None,
  outputs: str,
  file_format: str,
) -> _Export:
  images = keras.KerasTensor((None, *input_shape(student)))
  head = find_head(student, images, outputs)
  if file_format == "keras":
    return _Export(student, head, None)
  refuse_unknown(head)
  # TFLite cannot check the size of what a function makes of an image.
  any_size = file_format != "tflite"
  prepared = prepared_as_said(
    student, preparation, image_size, any_size=any_size
  )
  return _Export(student, head, prepared)


def _refuse(given: Mapping[str, tuple[Any, Any]], source: str) -> None:
  """Raises UserError for arguments with another value than their default."""
  for name, (value, default) in given.items():
    if value is not default and value != default:
      raise UserError(
        f"{name}: expected no value for {source}, got {value!r}; leave it out"
      )


def _class_names(
  names: Sequence[str] | None, dataset_name: str | None, head: Head
) -> tuple[str, ...]:
  """K names: as given, those of a known data set, or the classes' numbers."""
  if names is None:
    known = CLASS_NAMES.get(dataset_name or "", ())
    if len(known) == head.num_classes:
      return tuple(known)
    return tuple(str(number) for number in range(head.num_classes))
  if len(names) != head.num_classes or any(
    len(name.splitlines()) != 1 for name in names
  ):
    each = "each class" if head.num_outputs > 1 else "each class, 0 and 1"
    raise UserError(
      f"class_names: expected {head.num_classes} names of one line each, got "
      f"{list(names)!r}; give one for {each}"
    )
  return tuple(names)


def _mentor_of_run(folder: Path, run: dict[str, Any]) -> keras.Model:
  """The mentor as the newest checkpoint of a student's run holds it."""
  settings = settings_of_run(folder, run)
  source = settings.curriculum.trained_mentornet_dir
  if not source:
    raise UserError(
      f"{folder}: expected a run under a mentor, got one with the curriculum "
      f"{settings.curriculum.curriculum!r}; only trained mentors can be "
      "exported"
    )
  checkpoint = latest_checkpoint(folder)
  if checkpoint is None:
    raise UserError(
      f"{folder}: expected a training folder with a checkpoint, got none; "
      f"train first, or export the mentor {source!r} "
      "itself"
    )
  curriculum = build_curriculum(settings, folder)
  assert isinstance(curriculum, MentorCurriculum)
  restore(checkpoint, {"curriculum": curriculum.variables})
  return curriculum.mentor
