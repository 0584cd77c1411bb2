"""Exports give the same values in a process with TensorFlow alone."""

import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from scripts import run_script
from tf1_programs import original_values, write_as_tf1

import mentornet_tf as mn
from mentornet_tf.datasets.reading.in_memory import evaluation_batches
from mentornet_tf.datasets.records.schema import InMemoryDataset
from mentornet_tf.errors import UserError
from mentornet_tf.runs.checkpointing import latest_checkpoint
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training import train
from mentornet_tf.training.checkpoint_groups import variable_groups

_PROGRAM = Path(__file__).resolve().parents[2] / "bin/export_saved_model.py"

# Runs every signature of a student's and a mentor's SavedModel.
_TENSORFLOW_ALONE = """
import sys
import numpy as np
import tensorflow as tf

folder = sys.argv[1]
inputs = dict(np.load(f"{folder}/inputs.npz"))
results = {}
student = tf.saved_model.load(f"{folder}/student")
arguments = {
  "serving_default": {"images": tf.constant(inputs["images"])},
  "images_uint8": {"images": tf.constant(inputs["images"])},
  "images_float": {"images": tf.constant(inputs["images"], tf.float32)},
  "encoded": {
    "image_bytes": tf.stack([tf.io.encode_png(i) for i in inputs["images"]])
  },
}
assert set(student.signatures) == set(arguments)
for name, values in arguments.items():
  for key, value in student.signatures[name](**values).items():
    results[f"{name}/{key}"] = value
results["names"] = open(student.classes.asset_path.numpy()).read().split()
mentor = tf.saved_model.load(f"{folder}/mentor")
features = tf.constant(inputs["features"])
results |= mentor.signatures["serving_default"](features=features)
np.savez(f"{folder}/results.npz", **results)
assert "mentornet_tf" not in sys.modules
"""


def curriculum_run(folder, **changes):
  """Two steps on the quadrants; returns the trained model."""
  settings = TrainingSettings.of(
    **{
      "dataset_name": "quadrants",
      "studentnet": tiny.STUDENT,
      "batch_size": 10,
      "max_number_of_steps": 2,
      "example_dropout_rates": "0,100",
    }
    | changes
  )
  return train.train_and_evaluate(settings, folder, tiny.dataset()).model


@pytest.fixture(scope="module")
def trained(tmp_path_factory, golden):
  """A training folder under a mentor and the model trained there."""
  folder = tmp_path_factory.mktemp("runs") / "run"
  model = curriculum_run(
    folder,
    curriculum="mentornet",
    trained_mentornet_dir=str(golden.folder / "mentor_random"),
  )
  return folder, model


def odd_images(count=5) -> np.ndarray:
  """Images [N, 37, 29, 3] uint8: taller and narrower than the student's."""
  draw = np.random.default_rng(3).integers(0, 256, (count, 37, 29, 3))
  return draw.astype(np.uint8)


def evaluated(student, images) -> np.ndarray:
  """Logits [N, K] as evaluation computes them."""
  zeros = np.zeros(len(images), np.int64)
  data = InMemoryDataset(images, zeros, zeros, zeros, 4, tuple("abcd"))
  batches = evaluation_batches(data, len(images))
  return np.concatenate([student(batch["image"]) for batch in batches])


def test_saved_models_give_the_same_values_with_tensorflow_alone(
  trained, tmp_path
):
  folder, model = trained
  mn.export_student(folder, tmp_path / "student")
  mn.export_mentor(folder, tmp_path / "mentor")
  rng = np.random.default_rng(0)
  features = rng.uniform([0, -5, 0, 0], [20, 5, 0, 99], (50, 4))
  features = features.astype(np.float32)
  images = odd_images()
  np.savez(tmp_path / "inputs.npz", images=images, features=features)
  done = subprocess.run(
    [sys.executable, "-c", _TENSORFLOW_ALONE, tmp_path],
    capture_output=True,
    text=True,
    timeout=200,
    cwd=tmp_path,
  )
  assert done.returncode == 0, done.stderr
  results = np.load(tmp_path / "results.npz")
  logits = evaluated(model.student, images)
  assert np.ptp(logits) > 0.01
  for name in ("serving_default", "images_uint8", "images_float", "encoded"):
    np.testing.assert_allclose(results[f"{name}/logits"], logits, atol=1e-6)
    np.testing.assert_allclose(
      results[f"{name}/probabilities"],
      keras.ops.softmax(logits),
      atol=1e-6,
    )
    np.testing.assert_array_equal(results[f"{name}/classes"], logits.argmax(1))
    assert results[f"{name}/classes"].dtype == np.int64
  weights = keras.ops.sigmoid(model.curriculum.mentor(features))[:, 0]
  np.testing.assert_allclose(results["weights"], weights, atol=1e-6)
  assert np.ptp(weights) > 0.1
  assert list(results["names"]) == list("abcd")
  assert not [p.name for p in tmp_path.iterdir() if "partial" in p.name]


def test_keras_files_hold_the_bare_models(trained, tmp_path):
  folder, model = trained
  mn.export_student(folder, tmp_path / "s", file_format="keras")
  mn.export_mentor(folder, tmp_path / "m", file_format="keras")
  student = keras.saving.load_model(tmp_path / "s" / "student.keras")
  images = odd_images()
  np.testing.assert_array_equal(
    evaluated(student, images), evaluated(model.student, images)
  )
  assert (tmp_path / "s" / "classes.txt").read_text() == "a\nb\nc\nd\n"
  mentor = mn.load_mentor(tmp_path / "m" / "mentor.keras")
  features = np.float32([[1, 0.5, 0, 3], [9, 2, 0, 80]])
  np.testing.assert_array_equal(
    mentor(features), model.curriculum.mentor(features)
  )


def test_tflite_files_give_the_same_values(trained, tmp_path):
  folder, model = trained
  mn.export_student(folder, tmp_path / "s", file_format="tflite")
  mn.export_mentor("spcl_linear", tmp_path / "m", file_format="tflite")
  assert {p.name for p in (tmp_path / "s").iterdir()} == {
    "student.tflite",
    "classes.txt",
  }
  images = odd_images()
  interpreter = tf.lite.Interpreter(str(tmp_path / "s" / "student.tflite"))
  run = interpreter.get_signature_runner("images_float")
  np.testing.assert_allclose(
    run(images=images.astype(np.float32))["logits"],
    evaluated(model.student, images),
    atol=1e-5,
  )
  interpreter = tf.lite.Interpreter(str(tmp_path / "m" / "mentor.tflite"))
  run = interpreter.get_signature_runner("serving_default")
  features = np.float32([[1, 0.5, 0, 3], [9, 2, 0, 80]])
  expected = keras.ops.sigmoid(mn.load_mentor("spcl_linear")(features))[:, 0]
  np.testing.assert_allclose(
    run(features=features)["weights"], expected, atol=1e-5
  )


def test_a_students_class_names_are_given_known_or_numbers(tmp_path):
  def names(name, **options):
    mn.export_student(student, tmp_path / name, file_format="keras", **options)
    return (tmp_path / name / "classes.txt").read_text().split()

  student = tiny.student(10)
  assert names("numbers") == list("0123456789")
  assert names("known", dataset_name="cifar10")[:2] == [
    "airplane",
    "automobile",
  ]
  assert names("given", class_names="jihgfedcba") == list("jihgfedcba")


def refused(action, *arguments, **options) -> str:
  with pytest.raises(UserError) as caught:
    action(*arguments, **options)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_bad_input_leaves_nothing_behind(trained, tmp_path):
  folder, _ = trained
  target = tmp_path / "out"
  existing = tmp_path / "existing"
  existing.mkdir()
  (existing / "precious").touch()
  for action, source in (
    (mn.export_student, folder),
    (mn.export_mentor, "spcl_linear"),
  ):
    message = refused(action, source, existing)
    assert "expected the name of a new folder, got one that exists" in message
    message = refused(action, source, target, file_format="onnx")
    assert "saved_model, keras, tflite, got 'onnx'" in message
  assert [p.name for p in existing.iterdir()] == ["precious"]

  empty = tmp_path / "empty"
  empty.mkdir()
  message = refused(mn.export_student, empty, target)
  assert "with a checkpoint, got none" in message
  message = refused(mn.export_student, tmp_path / "nosuch", target)
  assert "no such folder or checkpoint" in message
  message = refused(mn.export_student, folder, target, class_names="abc")
  assert "class_names: expected 4 names" in message
  message = refused(mn.export_student, folder, target, class_names=["a\nb"] * 4)
  assert "of one line each" in message
  for name, value in (("preparation", None), ("image_size", 32)):
    message = refused(mn.export_student, folder, target, **{name: value})
    assert message.startswith(f"{name}: expected no value for a training fold")
  assert "no_such" in refused(mn.export_mentor, "no_such", target)

  unknown = shutil.copytree(folder, tmp_path / "unknown")
  (unknown / "run.json").unlink()
  assert "run.json" in refused(mn.export_student, unknown, target)
  curriculum_run(tmp_path / "formula", curriculum="self_paced")
  message = refused(mn.export_mentor, tmp_path / "formula", target)
  assert "got one with the curriculum 'self_paced'" in message
  assert not target.exists()


def test_a_damaged_checkpoint_gives_way_to_the_one_before(trained, tmp_path):
  folder, model = trained
  copy = shutil.copytree(folder, tmp_path / "run")
  store = train.CheckpointStore(copy, variable_groups(model))
  newest = store.save(3)
  Path(f"{newest}.data-00000-of-00001").write_bytes(b"")
  warnings = []
  mn.export_student(copy, tmp_path / "out", warn=warnings.append)
  assert len(warnings) == 1 and newest in warnings[0]
  assert (tmp_path / "out" / "saved_model.pb").exists()

  # A checkpoint that was asked for is never replaced by another.
  message = refused(mn.export_student, newest, tmp_path / "chosen")
  assert newest in message and "damaged" in message
  older = latest_checkpoint(folder)
  mn.export_student(older, tmp_path / "chosen", file_format="keras")

  for data in copy.glob("*.data-*"):
    data.write_bytes(b"")
  message = refused(mn.export_student, copy, tmp_path / "none", warn=print)
  assert "damaged" in message


def test_a_failing_write_leaves_nothing_behind(tmp_path, monkeypatch):
  def full(module, folder, signatures):
    Path(folder, "saved_model.pb").write_bytes(b"half")
    raise tf.errors.ResourceExhaustedError(None, None, "no space left")

  monkeypatch.setattr(tf.saved_model, "save", full)
  message = refused(mn.export_mentor, "spcl_linear", tmp_path / "out")
  assert "no space left" in message and "check free space" in message
  assert not list(tmp_path.iterdir())


def test_a_folder_of_the_original_is_exported(tmp_path, golden):
  (tmp_path / "tf1").mkdir()
  write_as_tf1(tmp_path / "tf1", original_values(golden, "cifarnet_10"))
  mn.export_student(
    tmp_path / "tf1",
    tmp_path / "out",
    studentnet="inception",
    dataset_name="cifar10",
  )
  recorded = golden.npz("students_cifarnet")
  exported = tf.saved_model.load(str(tmp_path / "out"))
  logits = exported.images_uint8(recorded["images_uint8"])["logits"]
  np.testing.assert_allclose(
    logits, recorded["cifarnet_logits_10"], atol=1e-4, rtol=0
  )
  names = (tmp_path / "out" / "assets" / "classes.txt").read_text().split()
  assert names[0] == "airplane" and len(names) == 10
  message = refused(
    mn.export_student,
    tmp_path / "tf1",
    tmp_path / "other",
    studentnet="resnet32",
  )
  assert "it holds none of them" in message


def program(*arguments) -> subprocess.CompletedProcess:
  return run_script(_PROGRAM, *arguments)


def test_the_program_exports_and_names_the_folder(tmp_path):
  done = program("--mentor=spcl_linear", f"--output_dir={tmp_path / 'm'}")
  assert done.returncode == 0, done.stderr
  assert done.stdout == f"{tmp_path / 'm'}\n"
  assert done.stderr == ""
  exported = tf.saved_model.load(str(tmp_path / "m"))
  features = tf.constant([[1.0, 0.5, 0, 95], [1.0, -0.5, 0, 95]])
  weights = exported.signatures["serving_default"](features)["weights"]
  np.testing.assert_allclose(weights, [0.5, 1], atol=0.1)


def test_the_program_names_the_classes(trained, tmp_path, monkeypatch):
  folder, _ = trained
  monkeypatch.setenv("PYTHONPATH", str(Path(tiny.__file__).parent))
  done = program(
    f"--train_log_dir={folder}",
    f"--output_dir={tmp_path / 's'}",
    "--format=keras",
    '--class_names=up,left,"down, right",none',
  )
  assert done.returncode == 0, done.stderr
  names = (tmp_path / "s" / "classes.txt").read_text().splitlines()
  assert names == ["up", "left", "down, right", "none"]


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ([], "--output_dir"),
    (["--output_dir=new"], "--train_log_dir and --mentor, got neither"),
    (
      ["--output_dir=new", "--mentor=a", "--train_log_dir=b"],
      "--train_log_dir and --mentor, got both",
    ),
    (["--output_dir=.", "--mentor=spcl_linear"], "got one that exists"),
    (["--output_dir=new", "--format=onnx"], "saved_model|keras|tflite"),
  ],
)
def test_mistakes_in_flags_are_one_line_of_the_export(arguments, message):
  done = program(*arguments)
  assert done.returncode == 1
  assert done.stderr.startswith("error: ") and message in done.stderr
  assert len(done.stderr.splitlines()) == 1
