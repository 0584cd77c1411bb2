"""Runs of protocols: finished, interrupted, failed, several at a time."""

import contextlib
import dataclasses
import io
import re

import numpy as np
import pytest
import tiny
from program_runs import assert_fails_in_one_line, run_program
from rich.console import Console

from mentornet_tf.curricula.mentors import load_mentor
from mentornet_tf.errors import UserError
from mentornet_tf.experiments import protocol_tables
from mentornet_tf.experiments.protocol_runs import finished_runs, run_protocol
from mentornet_tf.experiments.protocol_tables import (
  Outcome,
  results_csv,
  results_table,
)
from mentornet_tf.experiments.protocols import PROTOCOLS, chosen_protocol
from mentornet_tf.experiments.run_seconds import read_seconds
from mentornet_tf.internal import stop_signals
from mentornet_tf.internal.json_files import read_json, write_json
from mentornet_tf.runs.run_folder import (
  MetricsWriter,
  RunFolder,
  read_metrics,
  read_run,
)

_TINY = {"studentnet": tiny.STUDENT, "batch_size": 10}


def shrunk(protocol):
  """The protocol with few images and a student of few weights."""
  return dataclasses.replace(
    protocol,
    num_images=None if protocol.num_images is None else 40,
    changes={**protocol.changes, **_TINY},
    options=dataclasses.replace(protocol.options, steps_per_call=2),
    methods={
      name: {**changes, **_TINY} for name, changes in protocol.methods.items()
    },
  )


@pytest.fixture(scope="module")
def cifar(tmp_path_factory):
  """An archive of random images, 10 for each of its files."""
  folder = tmp_path_factory.mktemp("cifar") / "cifar-10-batches-bin"
  folder.mkdir()
  rng = np.random.default_rng(0)
  for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
    records = rng.integers(0, 256, (10, 3073)).astype(np.uint8)
    records[:, 0] = np.arange(10)
    (folder / f"{name}.bin").write_bytes(records.tobytes())
  return folder


@pytest.fixture
def run(tmp_path, cifar, monkeypatch):
  """Runs a tiny protocol in `tmp_path`/runs; gives outcomes and lines.

  It takes long to draw pictures, which are made on request.
  """

  def run(*methods, protocol=PROTOCOLS["small"], pictures=False, **options):
    console = Console(file=io.StringIO(), width=200, soft_wrap=True)
    options = {"seeds": (0,), "max_number_of_steps": 4, **options}
    with monkeypatch.context() as patched:
      if not pictures:
        for name in ("plot_learning_curves", "plot_weights_of_labels"):
          patched.setattr(protocol_tables, name, lambda *_: None)
      try:
        outcomes = run_protocol(
          tmp_path / "runs",
          cifar,
          protocol=shrunk(protocol),
          methods=methods,
          console=console,
          **options,
        )
      except UserError as error:
        outcomes = error
    return outcomes, console.file.getvalue()

  return run


def test_the_table_holds_all_finished_runs(tmp_path, run):
  _, first = run("oracle")
  run("self_paced", max_number_of_steps=5)
  outcomes, text = run("baseline", seeds=(1, 0))
  assert [(each.method, each.seed) for each in outcomes] == [
    ("baseline", 0),
    ("oracle", 0),
    ("baseline", 1),
  ]
  assert outcomes[1].weight_auc == 1
  assert all(0 <= each.last <= each.best <= 1 for each in outcomes)
  assert all(each.seconds > 0 for each in outcomes)
  folder = tmp_path / "runs"
  small = PROTOCOLS["small"]
  table = (folder / "table.md").read_text()
  assert table == results_table(small, outcomes) + "\n"
  assert (folder / "results.csv").read_text() == results_csv(outcomes)
  # The oracle's weights are those of the labels themselves.
  (row,) = read_metrics(folder / "oracle-0")
  assert float(row["clean_weight"]) == 1 and float(row["noisy_weight"]) == 0
  # How long it takes is told as soon as it can be known.
  assert first.splitlines()[:2] == [
    "small: 10,000 images, 40 % of which get a random label; 4 steps per run",
    "0 of 1 runs finished; 1 left; an estimate of the time follows the first "
    "run",
  ]
  assert first.endswith("\noracle-0 finished\n")
  left = r"about \d+ s at the pace so far\n"
  assert re.search(rf"\n0 of 2 runs finished; 2 left, {left}", text)
  assert re.search(rf"\nbaseline-1 finished; 1 left, {left}", text)
  # A finished run is not repeated, and its time does not grow. Nor is one from
  # before there was a choice of precisions.
  old = {"protocol": "small", "noise_rate": 0.4}
  write_json(folder / "protocol.json", old)
  again, text = run("oracle", pictures=True)
  assert again == outcomes
  assert text.splitlines()[1:] == ["1 of 1 runs finished"]
  assert (folder / "learning_curves.png").exists()
  assert (folder / "weights.png").exists()


def test_an_interrupted_run_is_continued(tmp_path, run, monkeypatch):
  calls = []

  def stop_after_one_call(*_):
    return contextlib.nullcontext(lambda: calls.append(0) or len(calls) > 1)

  with monkeypatch.context() as patched:
    patched.setattr(stop_signals, "stop_on_signals", stop_after_one_call)
    outcomes, text = run("baseline", "oracle")
  assert outcomes == [] and not (tmp_path / "runs" / "table.md").exists()
  assert "oracle" not in text
  assert text.endswith("2 of 2 runs left; the same command continues\n")
  before = read_seconds(tmp_path / "runs" / "baseline-0")
  assert before.step == before.timed_steps < 4
  assert f"stopped at step {before.step};" in text
  (outcome,), text = run("baseline")
  assert re.search(r"1 left, about \d+ s at the pace so far", text)
  assert f"continuing from step {before.step}" in text
  after = read_seconds(tmp_path / "runs" / "baseline-0")
  assert (after.step, after.timed_steps) == (4, 4)
  assert outcome.seconds == after.seconds > before.seconds


def test_a_failing_run_leaves_the_others_alone(tmp_path, run):
  other = RunFolder(
    tmp_path / "runs" / "baseline-0", {"learning_rate": 0.2}, {}
  )
  error, text = run("baseline", "oracle")
  assert isinstance(error, UserError)
  assert str(error).startswith(f"baseline-0: {other.path}: expected a new")
  assert "baseline-0: " in text and "oracle-0 finished" in text
  assert "runs left" not in text
  assert "| oracle † | 1 |" in (tmp_path / "runs" / "table.md").read_text()


@pytest.mark.slow
def test_several_at_a_time_are_as_one_after_the_other(tmp_path, run):
  small = shrunk(PROTOCOLS["small"])
  RunFolder(tmp_path / "runs" / "oracle-0", {"learning_rate": 0.2}, {})
  error, text = run("mentornet_pd_formula", "oracle", jobs=2)
  assert str(error).startswith("oracle-0: ")
  assert "0 of 2 runs finished; 2 left, 2 at a time; an estimate" in text
  lines = [line for line in text.splitlines() if line.startswith("mentornet")]
  assert "-0: training tiny:student on 40 images" in lines[0]
  assert "-0: step 4/4 " in lines[1] and lines[2].endswith("-0 finished")
  (ours,) = finished_runs(tmp_path / "runs", small, 4)
  row = read_metrics(tmp_path / "runs" / "mentornet_pd_formula-0")[-1]
  (tmp_path / "runs").rename(tmp_path / "at_once")
  (theirs,), _ = run("mentornet_pd_formula")
  assert ours == dataclasses.replace(theirs, seconds=ours.seconds)
  expected = read_metrics(tmp_path / "runs" / "mentornet_pd_formula-0")[-1]
  assert row.keys() == expected.keys()
  for name in ("test_loss", "mentornet/weighted_loss", "clean_weight"):
    assert float(row[name]) == pytest.approx(float(expected[name]), rel=1e-6)


@pytest.mark.parametrize(
  ("protocol", "mine"),
  [
    (chosen_protocol(noise_rate=0.8), "small at noise rate 0.8 in float32"),
    (PROTOCOLS["medium"], "medium at noise rate 0.4 in float32"),
    (
      chosen_protocol(mixed_precision="mixed_bfloat16"),
      "small at noise rate 0.4 in mixed_bfloat16",
    ),
  ],
)
def test_a_folder_is_that_of_one_protocol_noise_rate_and_precision(
  tmp_path, run, protocol, mine
):
  (tmp_path / "runs").mkdir()
  small = {"protocol": "small", "noise_rate": 0.4}
  write_json(tmp_path / "runs" / "protocol.json", small)
  error, text = run("oracle", protocol=protocol)
  assert text == ""  # before anything is trained
  assert str(error) == (
    f"folder: expected a new one or one of protocol {mine}, got "
    f"{tmp_path}/runs with protocol small at noise rate 0.4 in float32; choose "
    "another folder"
  )


def test_runs_under_an_earlier_mentor_are_refused(tmp_path, run):
  run("mentornet_dd")
  kept = tmp_path / "runs" / "mentornet_dd-0" / "mentor.keras"
  load_mentor("mentornet_dd_v1").save(kept)
  message = f"{kept}: expected mentornet_dd as it ships today"
  assert str(run("mentornet_dd")[0]).startswith(message)
  # Other runs would stand in one table with it.
  assert str(run("baseline")[0]).startswith(message)
  kept.parent.rename(tmp_path / "away")
  outcomes, _ = run("baseline")
  assert [each.method for each in outcomes] == ["baseline"]


def test_seeds_may_come_from_a_generator(run):
  outcomes, _ = run("baseline", seeds=iter([3, 4]))
  assert [each.seed for each in outcomes] == [3, 4]


def test_human_labels_are_those_of_the_file(tmp_path, run):
  clean = np.tile(np.arange(10), 5)
  worse = clean.copy()
  worse[[3, 7, 45]] = 0
  path = tmp_path / "human.npz"
  np.savez(path, clean_label=clean, worse_label=worse, aggre_label=clean)
  protocol = chosen_protocol("human", human_labels=path)
  outcomes, text = run("baseline", protocol=protocol)
  assert len(outcomes) == 1 and "labels that people gave" in text
  record = read_run(tmp_path / "runs" / "baseline-0")
  assert record["data"]["noise"]["label_key"] == "worse_label"
  # Two of the first forty.
  assert record["data"]["measured_noise_rate"] == 2 / 40
  assert record["settings"]["loss_p_percentile"] == "auto"


def test_human_labels_may_be_the_only_column_of_another_file(tmp_path, run):
  clean = np.tile(np.arange(10), 5)
  path = tmp_path / "labels.npz"
  protocol = chosen_protocol("human", human_labels=path)

  def assert_refused(message, **columns):
    np.savez(path, **columns)
    error, _ = run("baseline", protocol=protocol)
    assert str(error).startswith("human_labels: expected")
    assert message in str(error)

  assert_refused("a column of ids or of clean labels beside", labels=clean)
  assert_refused(
    f"a single column of labels, in {path}, got clean_label, first, second",
    clean_label=clean,
    first=clean,
    second=clean,
  )
  ours = clean.copy()
  ours[3] = 0
  np.savez(path, clean_label=clean, ours=ours)
  run("baseline", protocol=protocol)
  record = read_run(tmp_path / "runs" / "baseline-0")
  assert record["data"]["noise"]["label_key"] == "ours"
  assert record["data"]["measured_noise_rate"] == 1 / 40


def test_medium_has_all_images_and_published_numbers(tmp_path, run):
  run("baseline", protocol=PROTOCOLS["medium"])
  folder = tmp_path / "runs"
  assert read_run(folder / "baseline-0")["data"]["num_examples"] == 50
  assert "| 0.720 |\n\npublished: by" in (folder / "table.md").read_text()
  assert read_json(folder / "protocol.json", written_by="", advice="") == {
    "protocol": "medium",
    "noise_rate": 0.4,
    "mixed_precision": "float32",
  }


def test_runs_of_other_settings_are_not_in_the_table(tmp_path):
  settings = PROTOCOLS["small"].settings("baseline", 0)
  for seed, changes in ((0, {}), (1, {"learning_rate": 0.2})):
    values = settings.changed(seed=seed, **changes).values()
    del values["refine_labels"]  # as before there was such a setting
    folder = RunFolder(tmp_path / f"baseline-{seed}", values, {})
    write_json(folder.path / "seconds.json", {"step": 3000, "seconds": 1.0})
    writer = MetricsWriter(folder, ["test_accuracy", "weight_auc"])
    writer.write(3000, {"test_accuracy": 0.4, "weight_auc": 0.5})
    writer.close()
  (only,) = finished_runs(tmp_path)
  assert only == Outcome("baseline", 0, 0.4, 0.4, 0.5, 1.0)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"methods": ["pd"]}, r"methods: expected names among .*'pd'"),
    ({"methods": []}, "methods: expected names among .*got none"),
    ({"jobs": 0}, "jobs: expected at least 1, got 0"),
  ],
)
def test_mistakes_leave_nothing_behind(tmp_path, options, message):
  with pytest.raises(UserError, match=message):
    run_protocol(tmp_path, **options)
  assert not list(tmp_path.iterdir())


def test_mistakes_of_the_program_are_one_line(tmp_path):
  for arguments, words in (
    (["--seeds=0,x"], ["expected whole numbers separated by commas"]),
    (["--protocol=human"], ["--human_labels: ", "with --protocol=human"]),
    ([f"--source_dir={tmp_path}/none"], ["none"]),
  ):
    result = run_program(
      "reproduce.py", *arguments, f"--output_dir={tmp_path}/runs"
    )
    assert_fails_in_one_line(result, *words)
