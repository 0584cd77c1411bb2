"""Writing an exported model: as a SavedModel, a .keras or a TFLite file."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import tensorflow as tf

from mentornet_tf.errors import UserError
from mentornet_tf.export.heads import Head
from mentornet_tf.export.preparation import Preparation
from mentornet_tf.export.signatures import (
  MentorSignatures,
  StudentSignatures,
)
from mentornet_tf.internal.atomic_files import new_folder
from mentornet_tf.internal.choices import check_choice

FORMATS = ("saved_model", "keras", "tflite")

# The signature of a SavedModel that becomes the TFLite model. Lite runtimes
# cannot pad bytes, so a student takes float pixels there.
_LITE_SIGNATURES = {"student": "images_float", "mentor": "serving_default"}


def check_format(file_format: str) -> None:
  """Raises UserError unless `file_format` is one that can be written."""
  check_choice("file_format", file_format, FORMATS)
  backend = keras.backend.backend()
  if file_format != "keras" and backend != "tensorflow":
    raise UserError(
      f"file_format: expected keras under Keras' back end {backend}, got "
      f"{file_format!r}, which only TensorFlow writes; save the model, and "
      "export it where KERAS_BACKEND is tensorflow"
    )


def write_keras(
  model: keras.Model,
  name: str,
  output_dir: Path,
  class_names: tuple[str, ...] = (),
) -> None:
  """Writes <name>.keras, the bare model, into a new folder.

  Class names, where there are any, lie beside it.
  """
  with _new_export(output_dir) as folder:
    if class_names:
      _write_names(class_names, folder)
    model.save(folder / f"{name}.keras")


def write_student(
  student: keras.Model,
  preparation: Preparation,
  head: Head,
  class_names: tuple[str, ...],
  output_dir: Path,
  file_format: str,
) -> None:
  """Writes a student that takes raw images into a new folder.

  A SavedModel keeps the class names as assets/classes.txt, TFLite beside
  student.tflite.
  """
  with _new_export(output_dir) as folder:
    classes_file = _write_names(class_names, folder)
    signatures = StudentSignatures(student, preparation, head, classes_file)
    if file_format == "tflite":
      _write_tflite("student", signatures, folder)
    else:
      _save(signatures, folder)
      classes_file.unlink()  # The SavedModel holds a copy.


def write_mentor(
  mentor: keras.Model, output_dir: Path, file_format: str
) -> None:
  """Writes a mentor into a new folder."""
  if file_format == "keras":
    write_keras(mentor, "mentor", output_dir)
    return
  with _new_export(output_dir) as folder:
    signatures = MentorSignatures(mentor)
    if file_format == "tflite":
      _write_tflite("mentor", signatures, folder)
    else:
      _save(signatures, folder)


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


def _write_names(class_names: tuple[str, ...], folder: Path) -> Path:
  file = folder / "classes.txt"
  file.write_text("".join(f"{name}\n" for name in class_names))
  return file


def _write_tflite(name: str, signatures, folder: Path) -> None:
  with tempfile.TemporaryDirectory(dir=folder) as saved_model:
    _save(signatures, Path(saved_model))
    converter = tf.lite.TFLiteConverter.from_saved_model(
      saved_model, signature_keys=[_LITE_SIGNATURES[name]]
    )
    try:
      converted = converter.convert()
    except Exception as error:  # The converter's own is not public.
      reason = " ".join(str(error).split())
      raise UserError(
        f"file_format: expected a {name} of operations that TFLite has, got "
        f"one that it cannot convert ({reason[:200]}); write a SavedModel"
      ) from error
    (folder / f"{name}.tflite").write_bytes(converted)


def _save(signatures, folder: Path) -> None:
  tf.saved_model.save(
    signatures, str(folder), signatures=signatures.signatures()
  )
