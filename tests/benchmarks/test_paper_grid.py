"""The paper's grid and the speed of a device, small, on the JAX back end."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmark_programs import NUM_IMAGES, program, random_split, write_images
from cifar_file import pack, read_cifar
from grid_table import Result, markdown
from keras_backend import run_under

from mentornet_tf.settings import PUBLISHED_ACCURACIES

_ROOT = Path(__file__).resolve().parents[2]


def run_and_continue(folder):
  """Names of what differs between a whole run and one continued halfway."""
  sys.modules["tensorflow"] = None  # as where it is not installed
  import jax
  from grid_run import STATE_FILE, Run, keep_images, read_images

  from mentornet_tf.internal.json_files import write_json
  from mentornet_tf.settings import TrainingSettings, published_run

  folder = Path(folder)
  # Both runs compile the same program.
  jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
  settings = TrainingSettings.of(
    **published_run("mentormix", 40, "inception")
    | {"max_number_of_steps": 4, "batch_size": 4}
  )
  splits = {"train": random_split(0), "test": random_split(1)}
  keep_images(folder, splits)
  whole, continued = folder / "whole", folder / "continued"
  for each in (whole, continued):
    each.mkdir()
    write_json(
      each / "run.json", {"settings": settings.values(), "noise_percent": 40}
    )

  def keep_state(step):
    if step == 2:  # all that a run which is killed now leaves
      shutil.copy(whole / STATE_FILE, continued)

  Run(whole, read_images(folder), 1).train(2, keep_state)
  Run(continued, splits, 1).train(2)
  states = []
  for each in (whole, continued):
    with np.load(each / STATE_FILE) as file:
      states.append({name: file[name] for name in file.files})
  histories = [json.loads(str(state.pop("history"))) for state in states]
  for entry in (*histories[0], *histories[1]):
    del entry["seconds"]
  assert [entry["step"] for entry in histories[0]] == [2, 4]
  assert histories[0] == histories[1]
  assert states[0].keys() == states[1].keys()
  return [
    name
    for name, value in states[0].items()
    if not np.array_equal(value, states[1][name])
  ]


@pytest.mark.slow
def test_an_interrupted_run_continues_to_the_same_numbers(tmp_path):
  differing = run_under(
    "jax", run_and_continue, str(tmp_path), may_use_tensorflow=True
  )
  assert differing == []


@pytest.mark.slow
def test_the_grid_is_trained_and_written(tmp_path):
  write_images(tmp_path / "images.npz")
  flags = (
    "--data=images.npz",
    "--output_dir=grid",
    "--methods=mentornet_dd",
    "--noise=40",
    "--eval_interval_steps=1",
    "--steps_per_call=1",
    "--batch_size=4",
    "--jobs=2",
  )
  done = program("paper_grid.py", *flags, "--steps=2", cwd=tmp_path)
  assert done.returncode == 0, done.stderr
  results = json.loads((tmp_path / "grid" / "results.json").read_text())
  (row,) = results["runs"]
  assert row["finished"]
  # Shares of 24 test images.
  right = row["last"] * NUM_IMAGES
  assert right == pytest.approx(round(right))
  assert row["last"] <= row["best"] <= 1
  table = (tmp_path / "grid" / "results.md").read_text()
  assert table in done.stdout
  last, best = (f"{row[name]:.3f}" for name in ("last", "best"))
  assert (
    f"| mentornet_dd | 40 % | {last} | {best} | 0.763 | 1 of 1 | 2 |" in table
  )

  # Nothing is left to do, and another length is another grid.
  again = program("paper_grid.py", *flags, "--steps=2", cwd=tmp_path)
  assert again.returncode == 0
  assert (tmp_path / "grid" / "results.md").read_text() == table
  other = program("paper_grid.py", *flags, "--steps=3", cwd=tmp_path)
  assert other.returncode == 1
  assert "max_number_of_steps" in other.stderr

  # Runs that fail are named at the end, and stop no other.
  for seed in (1, 2):
    broken = tmp_path / "grid" / f"mentornet_dd_40_{seed}"
    broken.mkdir()
    (broken / "state.npz").write_bytes(b"broken")
  failing = program(
    "paper_grid.py", *flags[:-1], "--jobs=1", "--steps=2", "--seeds=3",
    cwd=tmp_path,
  )  # fmt: skip
  assert failing.returncode == 1
  assert failing.stderr == (
    "error: grid/mentornet_dd_40_1 (and 1 more): expected the run to finish, "
    "got status 1; see grid/mentornet_dd_40_1/log.txt, and give fewer --jobs "
    "if memory ran out; the same command continues\n"
  )
  assert "\n1 of 3 runs finished; the same command continues" in failing.stdout
  assert "| 1 of 3 |" in (tmp_path / "grid" / "results.md").read_text()


@pytest.mark.slow
def test_the_speed_of_a_device_is_measured_and_written(tmp_path):
  done = program(
    "device_speed.py",
    "--students=inception",
    "--precisions=float32",
    "--steps=1",
    "--rounds=1",
    "--batch_size=2",
    "--matrix_size=64",
    "--output=out/speed",
    cwd=tmp_path,
  )
  assert done.returncode == 0, done.stderr
  written = json.loads((tmp_path / "out" / "speed.json").read_text())
  (row,) = written["rows"]
  reached = row["GFLOP per step"] * row["steps/s, mentored"] / 1e3
  assert row["TFLOP/s"] == pytest.approx(reached)
  assert row["share of matrix rate"] == pytest.approx(
    reached / written["about"]["matrix_tflops"]["float32"]
  )
  assert (
    "| inception | float32 | 2 |" in (tmp_path / "out/speed.md").read_text()
  )


def test_jpeg_files_travel_in_one_file_as_they_are(tmp_path):
  from io import BytesIO

  from PIL import Image

  expected = {}
  for seed, split in enumerate(("train", "test")):
    images, labels = random_split(seed)
    files = []
    for image in images:
      file = BytesIO()
      Image.fromarray(image).save(file, "jpeg")
      files.append(file.getvalue())
    expected[split] = (
      labels,
      [np.asarray(Image.open(BytesIO(f))) for f in files],
    )
    np.savez(
      tmp_path / f"{split}.npz",
      jpeg=np.frombuffer(b"".join(files), np.uint8),
      offsets=np.cumsum([0, *map(len, files)]),
      labels=labels.astype(np.uint8),
    )
  packed = tmp_path / "cifar10.npz"
  packed.write_bytes(pack(tmp_path))
  for split, (images, labels) in read_cifar(packed).items():
    np.testing.assert_array_equal(labels, expected[split][0])
    np.testing.assert_array_equal(images, expected[split][1])


def test_published_numbers_are_those_of_the_documents():
  lines = (_ROOT / "docs" / "original.md").read_text().splitlines()
  header = next(line for line in lines if "| baseline |" in line)
  row = next(line for line in lines if "| CIFAR-10, inception |" in line)
  methods, cells = (
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (header, row)
  )
  documented = dict(zip(methods, cells, strict=True))
  for method, numbers in PUBLISHED_ACCURACIES.items():
    assert [*numbers.values()] == [
      float(number) for number in documented[method].split("/")
    ]


def test_a_cell_is_the_mean_over_its_seeds():
  def result(seed, *accuracies):
    history = [
      {"step": 10 * (i + 1), "accuracy": accuracy, "seconds": 2.0}
      for i, accuracy in enumerate(accuracies)
    ]
    return Result.of("mentornet_pd", 40, seed, 20, history)

  finished, half = result(0, 0.5, 0.4), result(1, 0.6)
  assert finished.finished
  assert not half.finished
  assert finished.steps_per_second == 5
  assert markdown([finished, half, result(2)], "about").endswith(
    "| mentornet_pd | 40 % | 0.500 ± 0.141 | 0.550 ± 0.071 | 0.731 | 2 of 3 "
    "| 0 to 20 |\n"
  )
