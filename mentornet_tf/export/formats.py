"""Writing an exported model: as a SavedModel, a .keras or a TFLite file."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import tensorflow as tf

from mentornet_tf.errors import UserError
from mentornet_tf.export.preparation import Preparation
from mentornet_tf.export.signatures import (
  MentorSignatures,
  StudentSignatures,
)
from mentornet_tf.internal.atomic_files import new_folder

FORMATS = ("saved_model", "keras", "tflite")

# The signature of a SavedModel that becomes the TFLite model. Lite runtimes
# cannot pad bytes, so a student takes float pixels there.
_LITE_SIGNATURES = {"student": "images_float", "mentor": "serving_default"}


def check_format(file_format: str) -> None:
  """Raises UserError unless `file_format` is one of `FORMATS`."""
  if file_format not in FORMATS:
    raise UserError(
      f"format: expected one of {', '.join(FORMATS)}, got {file_format!r}; "
      "choose one of them"
    )


def write_student(
  student: keras.Model,
  preparation: Preparation,
  class_names: tuple[str, ...],
  output_dir: Path,
  file_format: str,
) -> None:
  """Writes a student into a new folder, with its class names.

  A SavedModel keeps the names as assets/classes.txt, the other formats beside
  student.keras or student.tflite.
  """
  with _new_export(output_dir) as folder:
    classes_file = folder / "classes.txt"
    classes_file.write_text("".join(f"{name}\n" for name in class_names))
    signatures = StudentSignatures(student, preparation, classes_file)
    _write("student", student, signatures, folder, file_format)
    if file_format == "saved_model":
      classes_file.unlink()  # The SavedModel holds a copy.


def write_mentor(
  mentor: keras.Model, output_dir: Path, file_format: str
) -> None:
  """Writes a mentor into a new folder."""
  with _new_export(output_dir) as folder:
    _write("mentor", mentor, MentorSignatures(mentor), folder, file_format)


@contextmanager
def _new_export(output_dir: Path) -> Iterator[Path]:
  try:
    with new_folder(output_dir) as folder:
      yield folder
  except tf.errors.OpError as error:
    raise UserError(
      f"{output_dir}: expected room for an export, got: "
      f"{' '.join(str(error).split())}; check free space and rights, then "
      "export again"
    ) from error


def _write(name, model, signatures, folder: Path, file_format: str) -> None:
  if file_format == "keras":
    model.save(folder / f"{name}.keras")
  elif file_format == "saved_model":
    _save(signatures, folder)
  else:
    with tempfile.TemporaryDirectory(dir=folder) as saved_model:
      _save(signatures, Path(saved_model))
      converter = tf.lite.TFLiteConverter.from_saved_model(
        saved_model, signature_keys=[_LITE_SIGNATURES[name]]
      )
      (folder / f"{name}.tflite").write_bytes(converter.convert())


def _save(signatures, folder: Path) -> None:
  tf.saved_model.save(
    signatures, str(folder), signatures=signatures.signatures()
  )
