"""The pieces of Python that show `fit` in the documents, as they are."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from scripts import run_script

import mentornet_tf as mn
from mentornet_tf.datasets.sources.digits import load_digits

_ROOT = Path(__file__).resolve().parents[1]


def snippets_of(page):
  text = (_ROOT / f"{page}.md").read_text()
  return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize(
  "page",
  [
    "README",
    "docs/fit",
    pytest.param("docs/joint_training", marks=pytest.mark.slow),
    "docs/mentormix",
  ],
)
def test_the_first_snippet_runs(page, capsys):
  digits = load_digits("train")
  images = tf.image.per_image_standardization(digits.images[:320]).numpy()
  clean_labels = digits.labels[:320]
  labels = mn.corrupt_labels(clean_labels, 10, rate=0.4, seed=0)
  dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(32)
  # What the page leaves to its reader.
  names = {
    "mn": mn,
    "keras": keras,
    "student": tiny.student(10),
    "curriculum": mn.FormulaCurriculum("self_paced"),
    "dataset": dataset,
    "epochs": 2,
    "total_steps": 20,
    "images": images,
    "labels": labels,
    "x": images,
    "y": labels,
    "is_clean": labels == clean_labels,
  }
  exec(snippets_of(page)[0], names)
  assert int(names["model"].step) == 20
  out = capsys.readouterr().out
  updates = re.findall(r"^step (\d+): loss", out, re.M)
  expected = []
  if page == "docs/joint_training":
    expected = [4, 6, 8, 10, 12, 14, 16, 18]
  assert list(map(int, updates)) == expected
  if page == "README":
    assert "estimated noisy labels: " in out
    assert sorted(names["suspects"].order) == list(range(320))


def test_the_snippet_of_device_images_runs():
  (snippet,) = [s for s in snippets_of("docs/fit") if "DeviceImages" in s]
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (256, 32, 32, 3), np.uint8)
  names = {
    "mn": mn,
    "keras": keras,
    "student": tiny.student(10),
    "curriculum": mn.FormulaCurriculum("self_paced"),
    "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "images": images,
    "labels": rng.integers(0, 10, 256),
    "test_images": images[:32],
    "test_labels": rng.integers(0, 10, 32),
  }
  exec(snippet.replace("epochs=100", "epochs=2"), names)
  assert int(names["model"].step) == 4


@pytest.mark.slow
def test_the_snippets_of_several_devices_run(tmp_path):
  strategy, devices = [s for s in snippets_of("docs/fit") if "Mirrored" in s]
  first, _, rest = strategy.partition("\n")
  assert first.startswith("strategy = ")
  # One that compiles at once.
  student = 'mn.build_student("resnet32", sync_batch_norm=True)'
  assert student in rest
  rest = rest.replace(student, "keras.Sequential([keras.layers.Dense(10)])")
  # Devices can only be divided in a process of their own.
  program = f"""
import keras
import numpy as np
import tensorflow as tf
import mentornet_tf as mn

total_steps = 4
images = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
labels = np.arange(16) % 10
{devices}
{rest.replace("batch_size=512", "batch_size=8, verbose=0")}
print(strategy.num_replicas_in_sync, int(model.step.numpy()))
"""
  (tmp_path / "program.py").write_text(program)
  done = run_script(tmp_path / "program.py", cwd=tmp_path)
  assert done.returncode == 0, done.stderr
  assert done.stdout.split()[-2:] == ["2", "2"]


@pytest.mark.slow
def test_the_page_for_users_of_cleanlab_tells_what_its_code_gives(capsys):
  page = (_ROOT / "docs/cleanlab.md").read_text()
  code, output = re.search(
    r"```python\n(.*?)```\n\n```\n(.*?)```", page, re.DOTALL
  ).groups()
  names = {}
  exec(code, names)
  noisy = names["labels"] != names["clean"]
  issues, suspects = names["issues"], names["suspects"]
  # Trainings differ between processors, the page's figures by a little.
  flagged = int(re.search(r"Of the (\d+) that are flagged", page)[1])
  assert f"In truth {noisy.sum()} labels" in page
  assert issues.sum() == pytest.approx(flagged, abs=15)
  assert noisy[issues].mean() == pytest.approx(0.95, abs=0.03)
  assert issues[noisy].mean() == pytest.approx(0.92, abs=0.03)
  found = issues & noisy
  suggested = suspects.predicted_labels[found] == names["clean"][found]
  assert suggested.mean() == pytest.approx(0.98, abs=0.02)
  share = suspects.summary().share
  shown = float(re.search(r"noisy labels: ([0-9.]+) %", output)[1])
  assert 100 * share == pytest.approx(shown, abs=1)
  assert capsys.readouterr().out.count("\n") == output.count("\n")
