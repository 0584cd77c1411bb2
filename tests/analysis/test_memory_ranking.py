"""Rankings by what training remembers, of runs and of `fit`."""

import dataclasses
import io

import keras
import numpy as np
import pytest
import tiny
from ranked_runs import SETTINGS
from rich.console import Console

import mentornet_tf as mn
from mentornet_tf.analysis import memory_ranking, run_ranking
from mentornet_tf.analysis.ranking import write_suspect_labels
from mentornet_tf.analysis.written_ranking import read_ranking_metrics
from mentornet_tf.datasets.reading.dataset import as_training_data
from mentornet_tf.datasets.reading.digests import in_memory_digest
from mentornet_tf.errors import UserError
from mentornet_tf.internal.json_files import write_json
from mentornet_tf.training import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A run of 60 examples in batches of 10."""
  folder = tmp_path_factory.mktemp("runs") / "run"
  train.train_and_evaluate(
    SETTINGS.changed(max_number_of_steps=30),
    folder,
    tiny.dataset(),
    options=train.RunOptions(save_interval_steps=30, memory=True),
    console=Console(file=io.StringIO()),
  )
  return folder


@pytest.fixture
def records(monkeypatch):
  """Makes any folder of records hold the data that it is set to.

  Five visits are enough here.
  """
  monkeypatch.setattr(memory_ranking, "LEAST_VISITS", 5)
  content = {"data": tiny.dataset()}
  monkeypatch.setattr(
    run_ranking, "open_data", lambda *_, **__: as_training_data(content["data"])
  )
  return content


def test_a_run_is_ranked_by_its_memory(run, records, tmp_path):
  lines = []
  suspects = mn.rank_labels(
    run, "r", output_dir=tmp_path, num_images=2, print_line=lines.append
  )
  memory = mn.TrainingMemory.load(run)
  data = records["data"]
  assert suspects.source == "memory"
  assert suspects.rank_by == "self_confidence"
  np.testing.assert_array_equal(suspects.ids, data.ids)
  np.testing.assert_array_equal(suspects.labels, data.labels)
  np.testing.assert_array_equal(suspects.clean_labels, data.clean_labels)
  np.testing.assert_array_equal(suspects.pred_probs, memory.probabilities)
  np.testing.assert_array_equal(suspects.mean_loss, memory.mean_loss)
  np.testing.assert_array_equal(suspects.mean_weight, memory.mean_weight)
  np.testing.assert_allclose(suspects.score, memory.score, atol=1e-7)
  assert lines[0] == (
    "step 30  by the training's memory of 60 examples, 5.0 visits each on "
    "average"
  )
  assert (tmp_path / "contact_sheet.png").exists()


def test_a_ranking_of_other_data_is_not_replaced(run, records, tmp_path):
  def rank(**options):
    return mn.rank_labels(
      run, "r", output_dir=tmp_path, print_line=lambda _: None, **options
    )

  def refused():
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError) as caught:
      rank()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    return str(caught.value)

  data = records["data"]
  suspects = rank(num_images=1)
  rank(num_images=1, rank_by="loss")  # as often as one likes
  metrics = read_ranking_metrics(tmp_path)
  assert metrics["rank_by"] == "loss" and metrics["data"] == "quadrants_train"
  assert metrics["digest"] == in_memory_digest(data)
  noisier = dataclasses.replace(data, labels=(data.labels + 1) % 4)
  records["data"] = noisier
  assert refused() == (
    "output_dir: expected a folder without a ranking of other data, got "
    f"{tmp_path} with that of other images or labels of quadrants_train; "
    "choose another one for quadrants_train"
  )
  # Version 0.1 wrote a name only.
  old = {name: value for name, value in metrics.items() if name != "digest"}
  write_json(tmp_path / "metrics.json", old)
  records["data"] = dataclasses.replace(data, name="quadrants_test")
  assert "with that of quadrants_train; choose ano" in refused()
  # A model's ranking tells nothing of its data.
  write_suspect_labels(suspects, None, tmp_path)
  records["data"] = data
  rank(num_images=1)
  assert read_ranking_metrics(tmp_path)["digest"] == metrics["digest"]


def test_checkpoints_are_used_on_request_and_for_other_data(run, records):
  quiet = {"print_line": lambda _: None}
  for options in ({"source": "checkpoints"}, {"checkpoints": 1}):
    assert mn.rank_labels(run, "r", **quiet, **options).source == "checkpoints"
  lines = []
  with pytest.MonkeyPatch.context() as patched:
    patched.setattr(memory_ranking, "LEAST_VISITS", 6)
    few = mn.rank_labels(run, "r", print_line=lines.append)
  assert few.source == "checkpoints"
  assert lines[0].startswith("note: the memory has 5.0 visits per example")
  records["data"] = tiny.dataset().take(np.arange(40))
  lines.clear()
  other = mn.rank_labels(run, "r", print_line=lines.append)
  assert other.source == "checkpoints"
  assert lines[0] == (
    f"note: the memory of {run} is of the data that it was trained on, not of "
    "this quadrants_train; ranking by checkpoints"
  )
  with pytest.raises(UserError, match="expected the memory of the data with"):
    mn.rank_labels(run, "r", source="memory", **quiet)
  with pytest.raises(UserError, match="checkpoints, checkpoint: expected none"):
    mn.rank_labels(run, "r", source="memory", checkpoints=1)
  with pytest.raises(UserError, match="x: expected the folder of the records"):
    mn.rank_labels(run)
  with pytest.raises(UserError, match="source: expected one of auto, memory"):
    mn.rank_labels(run, "r", source="model")


def test_a_model_is_ranked_by_its_memory():
  random = np.random.default_rng(0)
  x = random.normal(size=(50, 3)).astype(np.float32)
  y = random.integers(0, 3, 50)
  student = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
  memory = mn.TrainingMemory(60, 3)  # the last ten are never visited
  model = mn.MentoredModel(
    student, mn.UniformCurriculum(), total_steps=20, memory=memory
  )
  loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
  model.compile("sgd", loss)
  with pytest.raises(UserError, match="source: expected a memory with visits"):
    mn.rank_labels(model)
  model.fit(mn.with_index(x), y, epochs=3, verbose=0)
  lines = []
  suspects = mn.rank_labels(
    model, print_line=lines.append, clean_labels=np.arange(60) % 3
  )
  remembered = memory.examples
  assert lines == [
    "note: 10 of 60 examples were not visited in training and are not ranked; "
    "train for a whole pass"
  ]
  np.testing.assert_array_equal(suspects.ids, np.arange(50))
  np.testing.assert_array_equal(suspects.labels, y)
  np.testing.assert_array_equal(suspects.clean_labels, np.arange(50) % 3)
  np.testing.assert_array_equal(
    suspects.pred_probs, remembered.probabilities[:50]
  )
  np.testing.assert_array_equal(suspects.mean_loss, remembered.mean_loss[:50])
  assert mn.rank_labels(model, x, y).source == "evaluation"
  np.testing.assert_array_equal(
    mn.find_label_issues(model), mn.find_label_issues(suspects)
  )
  with pytest.raises(UserError, match="y: expected none without `x`"):
    mn.rank_labels(model, y=y)
  with pytest.raises(UserError, match="clean_labels: expected 60, got 50"):
    mn.rank_labels(model, clean_labels=y)
