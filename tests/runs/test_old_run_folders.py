"""Training folders that earlier versions wrote; see testdata/run_folders."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from mentornet_tf.analysis.label_scores import suspect_labels
from mentornet_tf.datasets.records.schema import load_in_memory
from mentornet_tf.errors import UserError
from mentornet_tf.evaluation import continuous
from mentornet_tf.runs.run_folder import read_metrics
from mentornet_tf.runs.trained_run import open_run, settings_or_defaults
from mentornet_tf.settings import RunOptions
from mentornet_tf.training.train import train_and_evaluate

_FOLDER = Path(__file__).parents[1] / "testdata/run_folders/digits_mentornet_pd"
_OPTIONS = RunOptions(
  save_interval_steps=12, eval_interval_steps=12, steps_per_call=4
)


def rows(name):
  with (_FOLDER / name).open(newline="") as file:
    return list(csv.DictReader(file))


def tensors(checkpoint):
  reader = tf.train.load_checkpoint(str(checkpoint))
  return {
    name: reader.get_tensor(name)
    for name, kind in reader.get_variable_to_dtype_map().items()
    if kind.is_floating
  }


@pytest.fixture
def interrupted(tmp_path):
  """The folder as it was at step 12."""
  folder = tmp_path / "run"
  shutil.copytree(_FOLDER, folder)
  for path in folder.glob("model.ckpt-24.*"):
    path.unlink()
  (folder / "checkpoint").write_text(
    'model_checkpoint_path: "model.ckpt-12"\n'
    'all_model_checkpoint_paths: "model.ckpt-12"\n'
  )
  return folder


def resume(folder, records, **changes):
  return train_and_evaluate(
    settings_or_defaults(folder).changed(**changes),
    folder,
    load_in_memory(records, "digits", "train"),
    load_in_memory(records, "digits", "test"),
    _OPTIONS,
    Console(file=io.StringIO()),
  )


def test_its_settings_are_read():
  settings = settings_or_defaults(_FOLDER)
  written = json.loads((_FOLDER / "run.json").read_text())["settings"]
  written["weigh_by_average"] = written.pop("judge_by_average")
  # What it does not name has its default.
  defaults = {
    "crop_padding": None,
    "jit_compile": False,
    "max_damaged": 0,
    "refine_balance": True,
    "refine_labels": False,
    "refine_temperature": 0.5,
    "sync_batch_norm": False,
  }
  assert settings.values() == {**defaults, **written}
  assert settings.curriculum.trained_mentornet_dir == "mentornet_pd"
  assert settings.optimizer.ema_decay == 0.9
  assert settings.run.seed == 3


def test_it_is_evaluated_as_before(digits_records, tmp_path):
  run = open_run(_FOLDER)
  assert (run.total_steps, run.student.count_params()) == (24, 490)
  continuous.evaluate_checkpoints(
    run,
    load_in_memory(digits_records, "digits", "test"),
    100,
    tmp_path,
    once=True,
    interval_seconds=0,
    print_line=lambda _: None,
  )
  (expected,) = rows("eval.csv")
  with (tmp_path / "eval.csv").open(newline="") as file:
    (found,) = csv.DictReader(file)
  assert found.keys() == expected.keys()
  for name in ("data", "step", "num_examples", "accuracy", "top5_accuracy"):
    assert found[name] == expected[name], name
  assert float(found["loss"]) == pytest.approx(float(expected["loss"]), 1e-5)


def test_its_labels_are_ranked_as_before(digits_records):
  data = load_in_memory(digits_records, "digits", "train")
  suspects = suspect_labels(_FOLDER, data, print_line=lambda _: None)
  expected = rows("most_suspect.csv")
  assert len(expected) == 20
  first = suspects.order[:20]
  assert suspects.ids[first].tolist() == [int(row["id"]) for row in expected]
  for name in ("mean_loss", "mean_weight"):
    np.testing.assert_allclose(
      getattr(suspects, name)[first],
      [float(row[name]) for row in expected],
      rtol=2e-5,
    )


def test_it_is_continued_to_the_end_that_it_had(interrupted, digits_records):
  result = resume(interrupted, digits_records)
  assert (result.step, result.finished) == (24, True)
  expected, found = (
    tensors(folder / "model.ckpt-24") for folder in (_FOLDER, interrupted)
  )
  assert found.keys() == expected.keys() and len(found) > 10
  for name, value in expected.items():
    np.testing.assert_allclose(
      found[name], value, rtol=1e-5, atol=1e-6, err_msg=name
    )
  for old, new in zip(
    rows("metrics.csv"), read_metrics(interrupted), strict=True
  ):
    # Columns that there were not are empty in its rows.
    assert new.keys() == old.keys() | {"clean_weight", "noisy_weight"}
    for name, value in old.items():
      if value:
        assert float(new[name]) == pytest.approx(float(value), rel=1e-4), name


def test_other_settings_are_refused(interrupted, digits_records):
  with pytest.raises(UserError) as caught:
    resume(
      interrupted, digits_records, learning_rate=0.2, weigh_by_average=True
    )
  message = str(caught.value)
  assert "settings.learning_rate was 0.1, now 0.2" in message
  assert "settings.weigh_by_average was False, now True" in message
  assert "seed" not in message


@pytest.mark.parametrize(
  ("name", "value", "words"),
  [
    ("learning_rate", "fast", "learning_rate: expected a finite number >= 0"),
    (
      "momentun",
      0.9,
      "settings: expected names of settings, got 'momentun'; leave it",
    ),
  ],
)
def test_wrong_settings_are_one_line(interrupted, name, value, words):
  path = interrupted / "run.json"
  content = json.loads(path.read_text())
  content["settings"][name] = value
  path.write_text(json.dumps(content))
  for read in (open_run, settings_or_defaults):
    with pytest.raises(
      UserError, match=r"run\.json: expected the settings"
    ) as e:
      read(interrupted)
    assert words in str(e.value)
