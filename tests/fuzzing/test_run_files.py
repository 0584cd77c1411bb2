"""Files of runs, mentors and rankings: a right value or one line."""

import csv
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from fuzzing import Reader
from google.protobuf import text_format

from mentornet_tf.analysis.written_ranking import (
  read_ranking_metrics,
  read_suspect_table,
)
from mentornet_tf.curricula.mentors import load_mentor
from mentornet_tf.evaluation.continuous import EvaluationLog
from mentornet_tf.internal.tf1_files import newest_prefix
from mentornet_tf.mentor_training.trained_curriculum import (
  read_trained_curriculum,
)
from mentornet_tf.runs import checkpointing
from mentornet_tf.runs.run_folder import read_metrics, read_run

TESTDATA = Path(__file__).parents[1] / "testdata"
RUN = TESTDATA / "run_folders" / "digits_mentornet_pd"
TF1_MENTOR = TESTDATA / "golden" / "mentor_focal_loss"
TF1_PREFIX = "mentornet.model-30000"

METRICS = {
  "checkpoint_steps": [12, 24],
  "data": "own_train",
  "num_disagreeing": 3,
  "num_examples": 9,
  "quality": None,
  "rank_by": "loss",
}


def copied(folder):
  shutil.copytree(RUN, folder, dirs_exist_ok=True)


def copied_mentor(folder):
  shutil.copytree(TF1_MENTOR, folder, dirs_exist_ok=True)


def as_json_says(path, content):
  assert content["data"] == json.loads(path.read_text())["data"]
  assert content["settings"].keys()


def as_csv_says(path, rows):
  data = path.read_bytes()
  whole = data[: data.rfind(b"\n") + 1].decode("utf-8")
  expected = list(csv.DictReader(whole.splitlines(keepends=True)))
  assert rows == expected
  assert all(int(row["step"]) >= 0 for row in rows)


def state(path):
  """What protocol buffers make of the file; None if they refuse it."""
  from tensorflow.python.training.checkpoint_state_pb2 import CheckpointState

  try:
    return text_format.Parse(path.read_bytes(), CheckpointState())
  except (text_format.ParseError, UnicodeDecodeError):
    return None


def kept(path, prefixes):
  """Checkpoints that are there; those of the state file where it is sound."""
  there = [str(path.parent / f"model.ckpt-{step}") for step in (12, 24)]
  assert set(prefixes) <= set(there)
  sound = state(path)
  if sound is not None and sound.model_checkpoint_path in (
    "model.ckpt-12",
    "model.ckpt-24",
  ):
    assert prefixes[-1] == str(path.parent / sound.model_checkpoint_path)


def newest(path, prefix):
  assert prefix in (None, str(path.parent / TF1_PREFIX))


def read_kept(path):
  return checkpointing.kept_checkpoints(path.parent, _refuse_newlines)


def _refuse_newlines(line):
  assert "\n" not in line
  assert len(line) < 1000


VARIABLES: list[keras.Variable] = []


def student():
  """Two variables, as a checkpoint keeps them."""
  if not VARIABLES:
    VARIABLES.extend(
      keras.Variable(np.full(shape, 0.5, np.float32), name=name)
      for name, shape in (("kernel", (3, 4)), ("bias", (4,)))
    )
  return VARIABLES


def write_student(folder):
  for variable in student():
    variable.assign(np.full(variable.shape, 0.5, np.float32))
  checkpointing.CheckpointStore(folder, {"student": student()}).save(3)


def restore(path):
  for variable in student():
    variable.assign(np.zeros(variable.shape, np.float32))
  checkpointing.restore(
    str(path.parent / "model.ckpt-3"), {"student": student()}
  )
  return [variable.numpy() for variable in student()]


def what_was_saved(_, values):
  """Checkpoints have checksums, so there are no other values."""
  for value in values:
    np.testing.assert_array_equal(value, np.full_like(value, 0.5))


def mentor_of(path, mentor):
  logits = np.asarray(mentor(np.full((2, 4), 0.5, np.float32)))
  assert logits.shape == (2, 1)
  expected = load_mentor(
    TF1_MENTOR if path.name.startswith("mentornet") else RUN / "mentor.keras"
  )
  theirs = np.asarray(expected(np.full((2, 4), 0.5, np.float32)))
  np.testing.assert_array_equal(logits, theirs)


def evaluations(path, log):
  with path.open(newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
  found = log.evaluations["digits_test"]
  for row in rows:
    if row["data"] == "digits_test":
      assert int(row["step"]) in found
  assert len(log._others) == sum(row["data"] != "digits_test" for row in rows)


def read_evaluations(path):
  log = EvaluationLog(path.parent, ["digits_test"])
  log._events.close()
  for events in path.parent.glob("events.*"):
    events.unlink()
  return log


def suspects(path, rows):
  with path.open(newline="", encoding="utf-8") as file:
    assert rows == list(csv.DictReader(file))
  assert all(int(row["given_label"]) >= 0 for row in rows)


def write_json(name, content):
  return lambda folder: (folder / name).write_text(json.dumps(content))


READERS = {
  "run.json": Reader(
    "run.json", copied, lambda path: read_run(path.parent), as_json_says
  ),
  "metrics.csv": Reader(
    "metrics.csv", copied, lambda path: read_metrics(path.parent), as_csv_says
  ),
  "eval.csv": Reader("eval.csv", copied, read_evaluations, evaluations),
  "state file": Reader("checkpoint", copied, read_kept, kept),
  "state file of TensorFlow 1": Reader(
    "checkpoint",
    copied_mentor,
    lambda path: newest_prefix(path.parent),
    newest,
  ),
  "suspect table": Reader(
    "most_suspect.csv",
    copied,
    lambda path: read_suspect_table(path, 10**6),
    suspects,
  ),
  "metrics.json": Reader(
    "metrics.json",
    write_json("metrics.json", METRICS),
    lambda path: read_ranking_metrics(path.parent),
    lambda path, metrics: _equal(metrics, json.loads(path.read_text())),
  ),
  "training.json": Reader(
    "training.json",
    write_json(
      "training.json", {"examples": {"curriculum": "focal_loss", "gamma": 2.0}}
    ),
    lambda path: read_trained_curriculum(path.parent),
    lambda path, value: _equal(
      value,
      tuple(
        json.loads(path.read_text())["examples"].get(name)
        for name in ("curriculum", "gamma")
      ),
    ),
  ),
  "mentor": Reader("mentor.keras", copied, load_mentor, mentor_of),
  "index of a mentor of TensorFlow 1": Reader(
    f"{TF1_PREFIX}.index",
    copied_mentor,
    lambda path: load_mentor(path.parent),
    mentor_of,
  ),
  "data of a mentor of TensorFlow 1": Reader(
    f"{TF1_PREFIX}.data-00000-of-00001",
    copied_mentor,
    lambda path: load_mentor(path.parent),
    mentor_of,
  ),
  "index of a student": Reader(
    "model.ckpt-3.index", write_student, restore, what_was_saved
  ),
  "data of a student": Reader(
    "model.ckpt-3.data-00000-of-00001", write_student, restore, what_was_saved
  ),
}


def _equal(value, expected):
  assert value == expected


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_of_runs(fuzz_few, name):
  fuzz_few(READERS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_damaged_files_of_runs(fuzz_many, name):
  fuzz_many(READERS[name], 200)
