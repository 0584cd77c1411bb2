"""Rankings for cleanlab's Datalab and FiftyOne, read back.

The slow tests need environments that have these, and the paths of their
interpreters in CLEANLAB_PYTHON and FIFTYONE_PYTHON.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from simulated_labels import simulated

import mentornet_tf as mn
from mentornet_tf.errors import UserError

HELPERS = Path(__file__).parents[1] / "helpers"

# As docs/cleanlab.md has them.
LOAD_DATALAB = """
import json
import numpy as np
from cleanlab import Datalab

folder = "suspects/"
data = json.load(open(folder + "datalab.json"))
lab = Datalab(data, label_name="label")
lab.find_issues(pred_probs=np.load(folder + "datalab_pred_probs.npy"))
"""
LOAD_FIFTYONE = """
import json
import fiftyone as fo

rows = json.load(open("suspects/fiftyone.json"))["samples"]
samples = [fo.Sample.from_dict(row) for row in rows]
"""
# Needs the database that comes with FiftyOne, unlike the samples.
STORE_FIFTYONE = """
dataset = fo.Dataset("suspects")
dataset.add_samples(samples)
"""


def ranking(**options) -> mn.SuspectLabels:
  data = simulated(0, 120, 3)
  names = ("ant", "bee", "cat")
  options = {
    "ids": np.arange(120) + 7,
    "paths": [f"{names[k]}/{i}.jpg" for i, k in enumerate(data.labels)],
    "class_names": names,
  } | options
  return mn.SuspectLabels.from_arrays(data.labels, data.pred_probs, **options)


def test_datalab_gets_columns_and_probabilities(tmp_path):
  suspects = ranking()
  assert suspects.to_datalab(tmp_path) == tmp_path / "datalab.json"
  columns = json.loads((tmp_path / "datalab.json").read_text())
  assert columns["id"] == suspects.ids.tolist()
  assert columns["label"] == suspects.labels.tolist()
  assert columns["path"] == [suspects.path(i) for i in range(120)]
  np.testing.assert_array_equal(
    np.load(tmp_path / "datalab_pred_probs.npy"),
    suspects.pred_probs.astype(np.float32),
  )
  ranking(paths=None).to_datalab(tmp_path)
  columns = json.loads((tmp_path / "datalab.json").read_text())
  assert set(columns) == {"id", "label"}


def test_fiftyone_gets_samples(tmp_path):
  suspects = ranking()
  suspects.to_fiftyone(tmp_path, image_dir="photos")
  samples = json.loads((tmp_path / "fiftyone.json").read_text())["samples"]
  for rank, (sample, i) in enumerate(
    zip(samples, suspects.order, strict=True), 1
  ):
    predicted = int(suspects.pred_probs[i].argmax())
    assert sample == {
      "filepath": f"photos/{suspects.path(i)}",
      "rank": rank,
      "example_id": i + 7,
      "given_label": {
        "_cls": "Classification",
        "label": suspects.class_names[suspects.labels[i]],
        "confidence": suspects.pred_probs[i, suspects.labels[i]],
      },
      "predicted_label": {
        "_cls": "Classification",
        "label": suspects.class_names[predicted],
        "confidence": suspects.pred_probs[i, predicted],
      },
      "suspicion": suspects.score[i],
      "mean_loss": suspects.mean_loss[i],
    }


def test_what_these_tools_cannot_take_is_refused(tmp_path):
  with pytest.raises(UserError, match="got none for 120 of 120"):
    ranking(paths=None).to_fiftyone(tmp_path)
  some = mn.SuspectLabels.from_arrays([0, 2], np.full((2, 3), 1 / 3))
  with pytest.raises(UserError, match=r"every class for Datalab, .* of 1;"):
    some.to_datalab(tmp_path)
  (tmp_path / "file").write_text("in the way")
  with pytest.raises(UserError, match="file: expected a folder"):
    ranking().to_datalab(tmp_path / "file")
  assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_documentation_loads_them_so():
  page = (Path(__file__).parents[2] / "docs/cleanlab.md").read_text()
  for lines in (LOAD_DATALAB, LOAD_FIFTYONE + STORE_FIFTYONE.lstrip()):
    assert lines.strip() in page


def python_with(package: str) -> str:
  interpreter = os.environ.get(f"{package.upper()}_PYTHON")
  if not interpreter:
    pytest.skip(f"{package.upper()}_PYTHON names no interpreter")
  return interpreter


def run(interpreter: str, program: str, folder: Path) -> None:
  subprocess.run(
    [interpreter, "-W", "ignore", "-c", program],
    check=True,
    cwd=folder,
    env={**os.environ, "PYTHONPATH": str(HELPERS)},
  )


@pytest.mark.slow
def test_datalab_loads_the_files(tmp_path):
  suspects = ranking()
  suspects.to_datalab(tmp_path / "suspects")
  program = LOAD_DATALAB + (
    "issues = lab.get_issues('label')\n"
    "np.save('found.npy', issues['is_label_issue'].to_numpy())\n"
    "np.save('given.npy', issues['given_label'].to_numpy())\n"
  )
  run(python_with("cleanlab"), program, tmp_path)
  np.testing.assert_array_equal(
    np.load(tmp_path / "given.npy"), suspects.labels
  )
  found = np.load(tmp_path / "found.npy")
  own = mn.find_label_issues(suspects)
  assert found.sum() > 10
  np.testing.assert_array_equal(found, own)


@pytest.mark.slow
def test_issues_are_those_of_the_installed_cleanlab(tmp_path):
  """Random cases; a tie in the rounding of the joint may move one label."""
  from cleanlab_cases import options_by_name, tied

  program = (
    "import numpy as np\n"
    "from cleanlab.filter import find_label_issues\n"
    "from cleanlab_cases import options_by_name\n"
    "from simulated_labels import simulated\n"
    "found = {}\n"
    "for seed in range(60):\n"
    "  data = simulated(seed, 400, 2 + seed % 6, 0.3, 1.5 + seed % 3)\n"
    "  for name, options in options_by_name().items():\n"
    "    found[f'{seed}/{name}'] = find_label_issues(\n"
    "      data.labels, data.pred_probs, n_jobs=1, **options)\n"
    "np.savez('found.npz', **found)\n"
  )
  run(python_with("cleanlab"), program, tmp_path)
  compared = 0
  with np.load(tmp_path / "found.npz") as found:
    for seed in range(60):
      data = simulated(seed, 400, 2 + seed % 6, 0.3, 1.5 + seed % 3)
      for name, options in options_by_name().items():
        own = mn.find_label_issues(data.labels, data.pred_probs, **options)
        theirs = found[f"{seed}/{name}"]
        if not tied(data):
          compared += 1
          np.testing.assert_array_equal(own, theirs, f"{seed}/{name}")
        elif own.dtype == bool:
          assert np.count_nonzero(own != theirs) <= data.pred_probs.shape[1]
  assert compared > 13 * 15


@pytest.mark.slow
def test_fiftyone_loads_the_samples(tmp_path):
  suspects = ranking()
  suspects.to_fiftyone(tmp_path / "suspects", image_dir=tmp_path)
  program = LOAD_FIFTYONE + (
    "first, = samples[:1]\n"
    "assert len(samples) == 120\n"
    "values = [first.filepath, first.given_label.label,\n"
    "  first.predicted_label.label, first.suspicion, first.rank]\n"
    "json.dump(values, open('first.json', 'w'))\n"
  )
  run(python_with("fiftyone"), program, tmp_path)
  first = suspects.order[0]
  assert json.loads((tmp_path / "first.json").read_text()) == [
    str(tmp_path / suspects.path(first)),
    suspects.class_names[suspects.labels[first]],
    suspects.class_names[suspects.predicted_labels[first]],
    suspects.score[first],
    1,
  ]
