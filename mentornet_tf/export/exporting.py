"""Exports students and mentors of training runs, or models as they are."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from mentornet_tf.curricula.mentor_curriculum import MentorCurriculum
from mentornet_tf.curricula.mentors import load_mentor
from mentornet_tf.datasets.sources.class_names import CLASS_NAMES
from mentornet_tf.errors import UserError
from mentornet_tf.export import formats
from mentornet_tf.export.preparation import LargeImages, SmallImages
from mentornet_tf.internal.atomic_files import refuse_existing
from mentornet_tf.runs.checkpointing import latest_checkpoint, restore
from mentornet_tf.runs.run_folder import read_run, settings_of_run
from mentornet_tf.runs.trained_run import open_run, settings_or_defaults
from mentornet_tf.training.builders import build_curriculum

# Where a model does not say: the size that evaluation cuts images to.
_DEFAULT_SIZE = (32, 32)


def export_student(
  student: keras.Model | str | os.PathLike,
  output_dir: str | os.PathLike,
  *,
  file_format: str = "saved_model",
  class_names: Sequence[str] | None = None,
  studentnet: str = "resnet101",
  dataset_name: str | None = None,
  warn: Callable[[str], Any] = print,
) -> Path:
  """Writes a student for use without this package.

  A SavedModel has the signatures `images_uint8` (also `serving_default`) and
  `images_float`, batches [B, height, width, 3] of raw pixels 0..255, and
  `encoded`, image files as strings [B]. All prepare images as evaluation does:
  those of a run with an image size are resized, cut about their centre and
  scaled (`export.preparation.LargeImages`), others are cut or zero-padded about
  their centre to the student's size and standardised. All give "classes" [B]
  int64, "probabilities" and "logits" [B, K] float32.

  Args:
    student: a training folder, of this package or of the original TensorFlow 1
      code (its newest checkpoint is taken); the prefix of one checkpoint; or a
      model from standardised small images to logits.
    output_dir: a new folder; it appears when it is complete.
    file_format: "saved_model"; "keras", student.keras, the bare student on
      prepared images; or "tflite", student.tflite on float pixels, of small
      images only.
    class_names: K names; None takes those of the training data.
    studentnet: the student's name where a folder holds no run.json.
    dataset_name: names the classes where a folder holds no run.json.
    warn: takes one line for each damaged checkpoint that is passed over.

  Returns:
    `output_dir`.

  Raises:
    UserError: `output_dir` exists, there is no checkpoint or none that can be
      read, the names do not match the classes, or the format cannot hold how
      the run's images are prepared.
  """
  output_dir = Path(output_dir)
  formats.check_format(file_format)
  refuse_existing(output_dir)
  crop = None
  if not isinstance(student, keras.Model):
    run = open_run(student, studentnet)
    crop = settings_or_defaults(student).images.crop
    if crop is not None and file_format == "tflite":
      raise UserError(
        f"{run.folder}: expected a run on small images for TFLite, got one "
        f"with image_size {crop.size}, and TFLite has nothing to resize its "
        "images with; export it with --format=saved_model, or the bare student "
        "with --format=keras"
      )
    run.load_newest(warn)
    student = run.student
    if class_names is None:
      class_names = run.data.get("class_names")
    if run.settings is not None:
      dataset_name = run.settings.data.dataset_name
  preparation = (
    SmallImages(_image_size(student)) if crop is None else LargeImages(crop)
  )
  prepared = keras.KerasTensor((None, *preparation.image_size, 3))
  num_classes = student(prepared).shape[-1]
  formats.write_student(
    student,
    preparation,
    _class_names(class_names, dataset_name, num_classes),
    output_dir,
    file_format,
  )
  return output_dir


def export_mentor(
  mentor: keras.Model | str | os.PathLike,
  output_dir: str | os.PathLike,
  *,
  file_format: str = "saved_model",
) -> Path:
  """Writes a mentor for use without this package.

  The signature `serving_default` of a SavedModel takes "features" [B, 4]
  float32 (loss in nats, loss difference, label, epoch percentage) and gives
  "weights" [B] float32 in 0..1.

  Args:
    mentor: the training folder of a student's run under a mentor, all that
      `load_mentor` takes, or a model from features to logits [B, 1].
    output_dir: a new folder; it appears when it is complete.
    file_format: "saved_model"; "keras", mentor.keras, from features to logits;
      or "tflite", mentor.tflite.

  Returns:
    `output_dir`.

  Raises:
    UserError: `output_dir` exists, there is no such mentor, or the run had
      none.
  """
  output_dir = Path(output_dir)
  formats.check_format(file_format)
  refuse_existing(output_dir)
  if not isinstance(mentor, keras.Model):
    run = read_run(mentor) if Path(mentor).is_dir() else None
    mentor = _mentor_of_run(Path(mentor), run) if run else load_mentor(mentor)
  formats.write_mentor(mentor, output_dir, file_format)
  return output_dir


def _image_size(student: keras.Model) -> tuple[int, int]:
  shape = getattr(student, "input_shape", None)
  if not isinstance(shape, tuple) or None in shape[1:3]:
    return _DEFAULT_SIZE
  return shape[1:3]


def _class_names(
  names: Sequence[str] | None, dataset_name: str | None, num_classes: int
) -> tuple[str, ...]:
  """K names: as given, those of a known data set, or the classes' numbers."""
  if names is None:
    known = CLASS_NAMES.get(dataset_name, ())
    if len(known) == num_classes:
      return tuple(known)
    return tuple(str(number) for number in range(num_classes))
  if len(names) != num_classes or any(len(n.splitlines()) != 1 for n in names):
    raise UserError(
      f"class_names: expected {num_classes} names of one line each, got "
      f"{list(names)!r}; give one for each class"
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
