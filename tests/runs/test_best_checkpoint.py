"""The best checkpoint of whole runs, chosen by name."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tiny
from quadrant_runs import OPTIONS, SETTINGS, killed_at_the_next_checkpoint, run

import mentornet_tf as mn
from mentornet_tf.analysis.label_scores import suspect_labels
from mentornet_tf.runs import best_checkpoint
from mentornet_tf.runs.best_checkpoint import BestCheckpoint, checkpoint_prefix
from mentornet_tf.runs.checkpointing import kept_checkpoints
from mentornet_tf.runs.run_folder import read_metrics
from mentornet_tf.training.late_collapse import describe_fall

KEEPING = dataclasses.replace(
  OPTIONS,
  save_interval_steps=4,
  eval_interval_steps=4,
  keep_best="test_loss",
)
# A rate at which the student jumps about, so that the last is not the best.
WILD = SETTINGS.changed(learning_rate=2.0, max_number_of_steps=32)


def values(prefix):
  reader = tf.train.load_checkpoint(prefix)
  return {
    name: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    if not name.startswith(("save_counter", "_CHECKPOINTABLE"))
  }


@pytest.fixture(scope="module")
def wild_run(tmp_path_factory):
  folder = tmp_path_factory.mktemp("wild") / "run"
  run(folder, WILD, KEEPING)
  return folder


def test_the_best_survives_and_is_that_of_its_step(wild_run, tmp_path):
  losses = {
    int(row["step"]): float(row["test_loss"]) for row in read_metrics(wild_run)
  }
  best = min(losses, key=losses.get)
  # Rotated away, so that the test is one.
  assert best < 16 and len(losses) == 8
  kept = [prefix.rpartition("-")[2] for prefix in kept_checkpoints(wild_run)]
  assert kept == ["16", "20", "24", "28", "32"]
  found = checkpoint_prefix(wild_run, "best")
  assert found.endswith(f"best.ckpt-{best}")
  assert checkpoint_prefix(wild_run, best) == found
  assert checkpoint_prefix(wild_run, "last").endswith("model.ckpt-32")
  assert checkpoint_prefix(wild_run, 20).endswith("model.ckpt-20")
  assert len(list(wild_run.glob("best.ckpt-*.index"))) == 1

  # A run that keeps all of its checkpoints has the same one at that step.
  other = dataclasses.replace(KEEPING, keep_best=None, save_interval_steps=best)
  with killed_at_the_next_checkpoint():
    run(tmp_path, WILD, other)
  expected = values(str(tmp_path / f"model.ckpt-{best}"))
  got = values(found)
  assert got.keys() == expected.keys()
  for name, value in expected.items():
    np.testing.assert_array_equal(got[name], value, err_msg=name)


def test_an_interrupted_run_keeps_the_same_best(wild_run, tmp_path):
  for _ in range(2):
    with killed_at_the_next_checkpoint():
      run(tmp_path, WILD, KEEPING)
  run(tmp_path, WILD, KEEPING)
  name = "best.json"
  assert (tmp_path / name).read_text() == (wild_run / name).read_text()
  whole, parts = (
    values(checkpoint_prefix(each, "best")) for each in (wild_run, tmp_path)
  )
  for key, value in whole.items():
    np.testing.assert_array_equal(parts[key], value, err_msg=key)


def test_ranking_and_export_take_it_by_name(wild_run, tmp_path):
  data = tiny.dataset()
  best = checkpoint_prefix(wild_run, "best")
  by_name = suspect_labels(wild_run, data, checkpoint="best", print_line=str)
  last = suspect_labels(wild_run, data, checkpoint="last", print_line=str)
  assert by_name.steps == (int(best.rpartition("-")[2]),)
  assert last.steps == (32,)
  assert (by_name.mean_loss != last.mean_loss).any()
  for name in ("best", best):
    options = {"checkpoint": name} if name == "best" else {}
    source = wild_run if name == "best" else best
    mn.export_student(
      source, tmp_path / name[-4:], file_format="keras", **options
    )
  named, direct = (
    tf.keras.models.load_model(path / "student.keras").get_weights()
    for path in (tmp_path / "best", tmp_path / best[-4:])
  )
  for one, two in zip(named, direct, strict=True):
    np.testing.assert_array_equal(one, two)


class Store:
  """Writes empty checkpoints."""

  def write(self, prefix, step):
    for ending in (".index", ".data-00000-of-00001"):
      open(prefix + ending, "w").close()


def test_the_first_of_equal_values_stays_and_no_number_is_none(tmp_path):
  best = BestCheckpoint(tmp_path, "a/accuracy", Store())
  series = [(1, None), (2, 0.5), (3, float("nan")), (4, 0.5), (5, 0.4)]
  for step, value in series:
    best.observe(step, {"a/accuracy": value})
  assert best_checkpoint.read_best(tmp_path)["step"] == 2
  again = BestCheckpoint(tmp_path, "a/accuracy", Store())
  again.observe(6, {"a/accuracy": 0.45})
  assert checkpoint_prefix(tmp_path, "best").endswith("-2")
  again.observe(7, {"a/accuracy": 0.6})
  assert [p.name for p in tmp_path.glob("*.index")] == ["best.ckpt-7.index"]
  # One whose files are lost is none.
  for path in tmp_path.glob("best.ckpt-*"):
    path.unlink()
  BestCheckpoint(tmp_path, "a/accuracy", Store()).observe(
    8, {"a/accuracy": 0.1}
  )
  assert checkpoint_prefix(tmp_path, "best").endswith("-8")


def test_other_metrics_and_names_are_refused_in_one_line(wild_run, tmp_path):
  def message(call, *arguments, **options):
    with pytest.raises(mn.UserError) as caught:
      call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)

  unknown = dataclasses.replace(KEEPING, keep_best="accuracy")
  assert "one of test_accuracy, test_loss, got 'accuracy'" in message(
    run, tmp_path / "a", WILD, unknown
  )
  assert not (tmp_path / "a").exists()
  assert "images to evaluate on" in message(
    run, tmp_path / "a", WILD, KEEPING, eval_data=None
  )
  assert "expected test_loss, by which" in message(
    BestCheckpoint, wild_run, "test_accuracy", Store()
  )
  kept = r"keeps (best, last, 4, 16, 20, 24, 28, 32), got 'bset'"
  best = checkpoint_prefix(wild_run, "best").rpartition("-")[2]
  kept = kept.replace(" 4,", f" {best},")
  assert kept in message(checkpoint_prefix, wild_run, "bset")
  # Without a best one the advice is for those who asked for it.
  (tmp_path / "run").mkdir()
  none = "keeps (none), got '77'; choose one"
  assert message(checkpoint_prefix, tmp_path / "run", 77).endswith(none)
  assert "expected a training folder" in message(
    checkpoint_prefix, tmp_path / "none", "best"
  )
  assert "keeps (none), got 'best'; choose one, or train with" in message(
    checkpoint_prefix, tmp_path, "best"
  )
  assert "expected one of them, got best and 2" in message(
    suspect_labels, wild_run, tiny.dataset(), checkpoint="best", checkpoints=2
  )
  (tmp_path / "best.json").write_text('{"metric": "m", "step": -1}')
  assert "best.json: expected metric, step and value" in message(
    checkpoint_prefix, tmp_path, "best"
  )


def test_a_fall_by_more_than_a_tenth_is_told():
  def rows(*accuracies):
    return [
      {"step": str(10 * i), "test_accuracy": value, "test_loss": "1"}
      for i, value in enumerate(accuracies)
    ]

  columns = ["test_accuracy", "test_loss"]
  assert describe_fall(rows("0.5", "", "0.8", "0.721"), columns) is None
  assert describe_fall([], columns) is None
  told = describe_fall(rows("0.5", "0.8", "", "0.7199"), columns)
  assert told == (
    "note: test_accuracy has fallen to 0.7199 at step 30 from 0.8000 at step "
    "10, by more than a tenth of it; keep the best by "
    "`keep_best=test_accuracy`, train less long, or follow a lower "
    "`loss_p_percentile`"
  )
  kept = describe_fall(rows("0.9", "0.1"), columns, "run/best.ckpt-0")
  assert "; use run/best.ckpt-0, train less long" in kept
