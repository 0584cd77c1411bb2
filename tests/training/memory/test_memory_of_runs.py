"""The memory of a run: what it holds, on resume, and what is refused."""

import contextlib
import dataclasses
import json

import numpy as np
import pytest
import tiny
from memory_references import remembered
from quadrant_runs import OPTIONS, SETTINGS, killed_at_the_next_checkpoint, run

import mentornet_tf as mn
from mentornet_tf.errors import UserError
from mentornet_tf.runs.checkpointing import CheckpointStore
from mentornet_tf.training import loop
from mentornet_tf.training.actions import memory_keeper
from mentornet_tf.training.memory import probability_rows
from mentornet_tf.training.memory.memory_files import (
  memory_files,
  read_memory,
)

_IDS = np.random.default_rng(5).permutation(60) * 10**12 - 7


def train(folder, **changes):
  options = changes.pop("options", OPTIONS)
  data = tiny.dataset()
  data = type(data)(**{**vars(data), "ids": _IDS})
  return run(folder, SETTINGS.changed(**changes), options, train_data=data)


def contents(folder):
  """Step -> everything that its file holds."""
  return {
    step: {name: np.load(path)[name].tobytes() for name in np.load(path).files}
    for step, path in memory_files(folder).items()
  }


@pytest.fixture(scope="module")
def reported():
  return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory, reported):
  """A run of 240 visits of 60 examples, and what its steps reported."""
  path = tmp_path_factory.mktemp("runs") / "run"
  with pytest.MonkeyPatch.context() as patched:
    call = loop.StepRunner.__call__

    def recorded(runner, num_steps):
      reports = call(runner, num_steps)
      reported.append(reports)
      return reports

    patched.setattr(loop.StepRunner, "__call__", recorded)
    train(path)
  return path


@pytest.fixture(scope="module")
def folder_on_disk(tmp_path_factory):
  """The same run, whose probabilities are on disk."""
  path = tmp_path_factory.mktemp("runs") / "run"
  with pytest.MonkeyPatch.context() as patched:
    patched.setattr(probability_rows, "MOST_IN_MEMORY", 1)
    _, text = train(path, options=dataclasses.replace(OPTIONS, memory=True))
  assert (
    "memory of 60 examples of 4 classes takes 0.0 GB on disk and at most 0.1"
    in text
  )
  return path


def columns_of(reported):
  return {
    name: np.concatenate(
      [
        each[f"example/{name}"].reshape(-1, *each[f"example/{name}"].shape[2:])
        for each in reported
      ]
    )
    for name in memory_keeper.EXAMPLE_COLUMNS
  }


def test_a_run_remembers_what_its_steps_reported(folder, reported):
  memory = mn.TrainingMemory.load(folder)
  columns = columns_of(reported)
  position = {each: at for at, each in enumerate(_IDS)}
  positions = np.array([position[each] for each in columns.pop("id")])
  labels = columns.pop("label")
  expected, visits = remembered(positions, columns, 60, 0.95)
  assert visits.tolist() == [4] * 60 and memory.step == 24
  np.testing.assert_array_equal(memory.ids, _IDS)
  np.testing.assert_array_equal(memory.labels, tiny.dataset().labels)
  np.testing.assert_array_equal(memory.visits, visits)
  for name, values in (
    ("loss", memory.mean_loss),
    ("weight", memory.mean_weight),
    ("probabilities", memory.probabilities),
  ):
    np.testing.assert_allclose(values, expected[name], rtol=1e-5, atol=1e-7)
  agrees = columns["probabilities"].argmax(1) == labels
  np.testing.assert_allclose(
    memory.agreement, np.bincount(positions, agrees) / 4
  )
  given = expected["probabilities"][np.arange(60), memory.labels]
  np.testing.assert_allclose(memory.score, 1 - given, rtol=1e-5)
  np.testing.assert_array_equal(
    memory.predicted_labels, expected["probabilities"].argmax(1)
  )
  some = memory.example(_IDS[[8, 3]])
  np.testing.assert_array_equal(
    some.probabilities, memory.probabilities[[8, 3]]
  )
  assert some.labels.tolist() == memory.labels[[8, 3]].tolist()


def test_the_reported_losses_are_of_the_reported_probabilities(
  folder, reported
):
  columns = columns_of(reported)
  given = columns["probabilities"][np.arange(240), columns["label"]]
  np.testing.assert_allclose(
    -np.log(given.astype(np.float64)), columns["loss"], rtol=1e-4, atol=1e-5
  )


def test_the_files_of_two_checkpoints_are_kept(folder):
  assert list(memory_files(folder)) == [16, 24]


@pytest.mark.parametrize(
  "most_in_memory", [pytest.param(2**24, marks=pytest.mark.slow), 1]
)
def test_a_continued_run_remembers_the_same(
  folder, folder_on_disk, tmp_path, monkeypatch, most_in_memory
):
  monkeypatch.setattr(probability_rows, "MOST_IN_MEMORY", most_in_memory)
  options = dataclasses.replace(OPTIONS, memory=True)
  with killed_at_the_next_checkpoint():
    train(tmp_path, options=options)
  with killed_before_the_next_checkpoint():
    train(tmp_path, options=options)
  assert list(memory_files(tmp_path)) == [8, 16]
  _, text = train(tmp_path, options=options)
  assert "continuing from step 8" in text and "note:" not in text
  whole = folder if most_in_memory > 1 else folder_on_disk
  assert contents(whole) == contents(tmp_path)
  assert {path.name for path in (tmp_path / "training_memory").iterdir()} == {
    "step-16.npz",
    "step-24.npz",
  }


@contextlib.contextmanager
def killed_before_the_next_checkpoint():
  """Within it a run ends when its memory is written, but no checkpoint."""

  def die(store, step):
    raise RuntimeError("killed")

  with pytest.MonkeyPatch.context() as patched:
    patched.setattr(CheckpointStore, "save", die)
    with pytest.raises(RuntimeError, match="killed"):
      yield


def test_on_disk_is_nearly_as_in_memory(folder, folder_on_disk):
  small, compact = map(mn.TrainingMemory.load, (folder, folder_on_disk))
  assert compact.stored.dtype == np.uint16
  np.testing.assert_array_equal(small.mean_loss, compact.mean_loss)
  error = np.abs(small.probabilities - compact.probabilities)
  assert 0 < error.max() < 1e-4


def test_no_memory_by_default_where_it_would_be_large(tmp_path, monkeypatch):
  monkeypatch.setattr(probability_rows, "MOST_IN_MEMORY", 60 * 4 - 1)
  train(tmp_path, max_number_of_steps=3)
  assert not (tmp_path / "training_memory").exists()
  with pytest.raises(UserError, match="train with `memory`"):
    mn.TrainingMemory.load(tmp_path)


def test_the_memory_changes_nothing_else(folder, tmp_path):
  options = dataclasses.replace(OPTIONS, memory=False)
  train(tmp_path, options=options)
  for name in ("metrics.csv", "run.json"):
    assert (folder / name).read_bytes() == (tmp_path / name).read_bytes()


def test_what_has_had_no_visit_is_nan(tmp_path):
  train(tmp_path, max_number_of_steps=3)
  memory = mn.TrainingMemory.load(tmp_path)
  unseen = memory.visits == 0
  assert unseen.sum() == 30
  for values in (
    memory.mean_loss,
    memory.mean_weight,
    memory.agreement,
    memory.score,
    memory.probabilities[:, 0],
  ):
    np.testing.assert_array_equal(np.isnan(values), unseen)
  assert (memory.predicted_labels[unseen] == -1).all()
  assert (memory.labels[unseen] == -1).all()
  with pytest.raises(UserError, match="which no such examples have"):
    memory.example(_IDS[unseen][0])


def test_a_run_that_starts_to_remember_late_says_so(tmp_path):
  options = dataclasses.replace(OPTIONS, memory=False)
  with killed_at_the_next_checkpoint():
    train(tmp_path, options=options)
  _, text = train(tmp_path)
  assert "holds no memory of step 8; it begins anew" in text
  assert mn.TrainingMemory.load(tmp_path).visits.sum() == 160


def damaged_copies(path):
  data = path.read_bytes()
  yield data[: len(data) // 2]
  yield b""
  yield b"no archive"
  for place in (data.index(b"loss.npy") + 200, read_memory(path).offset):
    yield data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_damaged_files_are_refused_in_one_line(tmp_path):
  with killed_at_the_next_checkpoint():
    train(tmp_path)
  (path,) = memory_files(tmp_path).values()
  first, *others = damaged_copies(path)
  for damaged, reads in (
    (first, train),
    *((each, mn.TrainingMemory.load) for each in (first, *others)),
  ):
    path.write_bytes(damaged)
    with pytest.raises(UserError, match="got a damaged file or") as caught:
      reads(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_memory_of_another_run_is_refused(folder, tmp_path):
  with killed_at_the_next_checkpoint():
    run(tmp_path)  # other ids
  (path,) = memory_files(tmp_path).values()
  path.write_bytes(memory_files(folder)[16].read_bytes())
  with pytest.raises(UserError, match="expected the memory of the data with"):
    mn.TrainingMemory.load(tmp_path)
  with pytest.raises(UserError, match="expected the memory of this run"):
    run(tmp_path)


def test_other_data_than_the_runs_are_refused(folder):
  with pytest.raises(UserError, match="expected the memory of the data with"):
    mn.TrainingMemory.load(folder, digest="another")


def test_a_full_disk_is_told_before_training(tmp_path, monkeypatch):
  usage = memory_keeper.shutil.disk_usage(tmp_path)._replace(free=1000)
  monkeypatch.setattr(memory_keeper.shutil, "disk_usage", lambda _: usage)
  with pytest.raises(UserError, match=r"^memory: expected 0\.000 GB of free"):
    train(tmp_path)


def test_overflowing_steps_leave_nothing(tmp_path):
  (tmp_path / "run.json").write_text("{}")
  of = memory_keeper.MemoryOf(4, 2, "digest", batch_size=4, seed=0)
  keeper = memory_keeper.MemoryKeeper(
    tmp_path, of, start_step=0, print_line=print
  )
  reports = {
    "example/id": np.arange(4)[np.newaxis],
    "example/label": np.zeros((1, 4), int),
    "example/loss": np.array([[1, np.nan, 1, 1]], np.float32),
    "example/weight": np.ones((1, 4), np.float32),
    "example/probabilities": np.full((1, 4, 2), 0.5, np.float32),
  }
  reports["example/probabilities"][0, 2] = np.inf
  keeper.observe(1, reports)
  seen = keeper.latest()
  np.testing.assert_array_equal(seen.mean_loss, [1, np.nan, np.nan, 1])
  np.testing.assert_array_equal(
    seen.other_probability, [0.5, *2 * [np.nan], 0.5]
  )
  keeper.save(1)
  visits = read_memory(memory_files(tmp_path)[1]).columns["visits"]
  assert sorted(visits) == [0, 0, 1, 1]


def test_files_are_plain_arrays(folder):
  with np.load(memory_files(folder)[24]) as file:
    header = json.loads(str(file["header"]))
    assert header["step"] == 24 and header["decay"] == 0.95
    assert file["probabilities"].shape == (60, 4)
