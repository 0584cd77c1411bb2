import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import tiny
from scripts import run_script

from mentornet_tf.analysis import plots, ranking, written_ranking
from mentornet_tf.analysis import report as report_module
from mentornet_tf.analysis.comparison import (
  RunSummary,
  comparison_rows,
  comparison_table,
  settings_differences,
)
from mentornet_tf.analysis.label_scores import SuspectLabels
from mentornet_tf.analysis.report import write_report
from mentornet_tf.analysis.weight_history import read_weight_history
from mentornet_tf.errors import UserError
from mentornet_tf.internal import figures
from mentornet_tf.runs.run_folder import MetricsWriter, RunFolder

_PROGRAM = Path(__file__).resolve().parents[2] / "bin" / "report.py"
_VOID = {"meta", "img"}
_DATA = {
  "name": "digits_train",
  "num_classes": 10,
  "num_examples": 60,
  "measured_noise_rate": 0.4,
  "noise": {"kind": "symmetric", "rate": 0.44},
}


class Page(HTMLParser):
  """Checks that tags are balanced; collects text, images and attributes."""

  def __init__(self, text: str):
    super().__init__()
    self.open, self.words, self.images, self.attributes = [], [], [], []
    self.feed(text)
    self.close()
    assert self.open == []
    self.text = " ".join(" ".join(self.words).split())

  def handle_starttag(self, tag, attributes):
    self.attributes += [name for name, _ in attributes]
    if tag == "img":
      self.images.append(dict(attributes)["src"])
    if tag not in _VOID:
      self.open.append(tag)

  def handle_endtag(self, tag):
    assert self.open.pop() == tag

  def handle_data(self, data):
    if not self.open or self.open[-1] != "style":
      self.words.append(data)


def run_folder(path, steps=(20, 40), quality=True, **settings) -> Path:
  """A training folder as a run leaves it, without the training."""
  settings = {
    "curriculum": "self_paced",
    "studentnet": "inception",
    "max_number_of_steps": 40,
  } | settings
  folder = RunFolder(path, settings, _DATA)
  columns = ["mentornet/orig_loss", "test_accuracy"]
  if quality:
    columns += ["label_precision", "label_recall", "weight_auc"]
  writer = MetricsWriter(folder, columns)
  for step in steps:
    weights = np.array([0.0] * 30 + [0.52] * 10 + [1.0] * 60)
    writer.write(
      step,
      dict.fromkeys(columns, step / 50),
      histograms={"mentornet/weight": weights},
    )
  writer.close()
  return path


def add_ranking(folder, **changes) -> None:
  data = tiny.dataset()
  rng = np.random.default_rng(0)
  probabilities = rng.random((60, 4))
  suspects = SuspectLabels(
    ids=data.ids,
    labels=data.labels,
    clean_labels=data.clean_labels,
    pred_probs=probabilities / probabilities.sum(1, keepdims=True),
    mean_loss=rng.random(60),
    mean_weight=rng.random(60),
    **{"steps": (20, 40), **changes},
  )
  ranking.write_suspect_labels(
    suspects, data, folder / ranking.DEFAULT_FOLDER, 8
  )


def report(folders, tmp_path, **options) -> Page:
  output = tmp_path / "report.html"
  write_report(folders, output, **options)
  return Page(output.read_text())


@pytest.fixture
def no_drawing(monkeypatch):
  """Draws no pictures, which takes long, where only texts are compared."""
  monkeypatch.setattr(report_module, "png_bytes", lambda _: b"\x89PNG")


def test_a_run_is_reported_as_a_whole(tmp_path):
  folder = run_folder(tmp_path / "run")
  add_ranking(folder)
  page = report([folder], tmp_path, num_suspects=5)
  # Accuracy, loss, label detection, weight history, weight over loss, sheet;
  # a thumbnail of each label in the table.
  assert len(page.images) == 6 + 5
  assert all(i.startswith("data:image/png;base64,iVBOR") for i in page.images)
  assert not {"href", "onclick"} & set(page.attributes)
  for text in (
    "Training report: run",
    "data: noise: kind symmetric",
    "inception on 60 images of digits_train (10 classes); 40.0 % of the labels "
    "noisy; curriculum: self_paced; step 40 of 40.",
    "run 0.800 0.800 0.800",
    "The 5 most suspect labels",
    "Ranked by loss, over the checkpoints of step 20, 40.",
  ):
    assert text in page.text
  assert "differs in" not in page.text
  assert "http" not in (tmp_path / "report.html").read_text()
  quality = written_ranking.read_ranking_metrics(folder / "suspect_labels")[
    "quality"
  ]
  assert f"AUROC {quality['by_loss']['roc_auc']:.4f}" in page.text
  table = folder / "suspect_labels" / ranking.TABLE_FILE
  with table.open(newline="") as file:
    first = next(csv.DictReader(file))
  assert f"1 {first['id']} {first['given_class']}" in page.text


def test_a_ranking_by_memory_says_so(tmp_path, no_drawing):
  folder = run_folder(tmp_path / "run")
  add_ranking(folder, steps=(), source="memory", rank_by="self_confidence")
  page = report([folder], tmp_path)
  assert "Ranked by self_confidence, from the memory of the training." in (
    page.text
  )


def test_digests_are_short_where_runs_stand_side_by_side(tmp_path, no_drawing):
  folders = [run_folder(tmp_path / name) for name in "ab"]
  for folder, digit in zip(folders, "12", strict=True):
    run = json.loads((folder / "run.json").read_text())
    run["data"]["digest"] = digit * 64
    (folder / "run.json").write_text(json.dumps(run))
  page = report(folders, tmp_path)
  assert f"differs in a b data: digest {'1' * 12}… {'2' * 12}…" in page.text
  assert "1" * 64 in page.text  # among all settings, folded away


def test_runs_are_compared_by_what_differs(tmp_path, no_drawing):
  folders = [
    run_folder(tmp_path / "a", learning_rate=0.1),
    run_folder(
      tmp_path / "b", quality=False, learning_rate=0.2, curriculum="none"
    ),
  ]
  page = report(folders, tmp_path)
  assert (
    "differs in a b curriculum self_paced none learning_rate 0.1 0.2 All "
    "settings" in page.text
  )
  assert page.text.index("differs in") < page.text.index("Learning curves")
  assert "No curriculum: all weights are 1." in page.text
  assert page.text.count("have not been ranked by this run yet") == 2
  assert "b 0.800 0.800 –" in page.text
  same = [folders[0], run_folder(tmp_path / "c", learning_rate=0.1)]
  assert "All settings are the same." in report(same, tmp_path).text


def test_text_of_the_runs_is_escaped(tmp_path, no_drawing):
  name = 'x<script>alert("1")&$a$'
  page = report([run_folder(tmp_path / name, studentnet="m:<i>")], tmp_path)
  assert f"Training report: {name}" in page.text
  assert "<script" not in (tmp_path / "report.html").read_text()
  assert "m:<i> on 60 images" in page.text


def test_a_run_without_evaluation_or_events_says_so(tmp_path):
  folder = run_folder(tmp_path / "run")
  for events in folder.glob("events*"):
    events.unlink()
  rows = (folder / "metrics.csv").read_text().splitlines()
  (folder / "metrics.csv").write_text(
    "step,mentornet/orig_loss,test_accuracy\n20,1.5,\n"
  )
  assert len(rows) == 3
  page = report([folder], tmp_path)
  assert "No run was evaluated during training" in page.text
  assert "There are no TensorBoard events." in page.text
  assert len(page.images) == 1


def test_folders_of_one_name_are_distinguished(tmp_path, no_drawing):
  folders = [run_folder(tmp_path / side / "run") for side in ("a", "b")]
  page = report(folders, tmp_path)
  assert f"differs in {folders[0]} {folders[1]}" not in page.text
  assert f"{folders[0]} 0.800" in page.text
  with pytest.raises(UserError, match="different training folders"):
    write_report([folders[0], folders[0]], tmp_path / "report.html")


def test_weights_are_read_back_as_shares(tmp_path):
  history = read_weight_history(run_folder(tmp_path / "run"))
  np.testing.assert_array_equal(history.steps, [20, 40])
  assert history.shares.shape == (2, 20) and len(history.edges) == 21
  np.testing.assert_allclose(history.shares.sum(1), 1)
  np.testing.assert_allclose(history.shares[:, 0], 0.3, atol=0.02)
  np.testing.assert_allclose(history.shares[:, 9:12].sum(1), 0.1, atol=0.02)
  np.testing.assert_allclose(history.shares[:, -1], 0.6, atol=0.02)


def test_equal_weights_fall_into_one_bin(tmp_path):
  for value, bin_number in ((1.0, -1), (0.0, 0)):
    writer = MetricsWriter(RunFolder(tmp_path / str(value), {}, {}), ["x"])
    writer.write(1, {"x": 1}, {"mentornet/weight": np.full(50, value)})
    writer.close()
    shares = read_weight_history(tmp_path / str(value)).shares
    assert shares[0, bin_number] == pytest.approx(1)


def test_no_events_are_no_history(tmp_path):
  assert read_weight_history(tmp_path) is None


def test_tables_and_differences():
  run = RunSummary("a", (1, 2), {"test_accuracy": [(1, 0.5), (2, 0.25)]})
  header, rows = comparison_rows([run])
  assert len(header) == 4
  assert rows == [("a", "0.500", "0.250", "–")]
  assert comparison_table([run]).splitlines()[1:] == [
    "|---|---|---|---|",
    "| a | 0.500 | 0.250 | – |",
  ]
  assert settings_differences(
    {"a": {"x": 1, "y": [2]}, "b": {"x": 1, "y": [3], "z": None}}
  ) == {"y": {"a": [2], "b": [3]}}


def test_a_contact_sheet_grows_with_its_images():
  few, many = (
    plots.draw_contact_sheet(
      tiny.dataset(n).images, ["a → b"] * n, ["unknown"] * n, "heading"
    )
    for n in (1, 17)
  )
  assert len(few.axes) == 1 and len(many.axes) == 24
  assert many.get_size_inches()[1] > few.get_size_inches()[1]
  assert figures.png_bytes(few).startswith(b"\x89PNG")


@pytest.mark.parametrize("num_images", [4, 40])
def test_all_verdicts_are_explained_on_a_contact_sheet(num_images):
  verdicts = ["found", "missed", "kept", "unknown"] * (num_images // 4)
  sheet = plots.draw_contact_sheet(
    tiny.dataset(num_images).images, ["a → b"] * num_images, verdicts, "heading"
  )
  sheet.draw_without_rendering()
  (legend,) = sheet.legends
  assert len(legend.get_texts()) == 4
  box, whole = legend.get_window_extent(), sheet.bbox
  assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0


def test_folders_without_a_run_are_refused(tmp_path):
  output = tmp_path / "report.html"
  with pytest.raises(
    UserError, match=r"none: expected .* run\.json, got no such folder"
  ):
    write_report([tmp_path / "none"], output)
  with pytest.raises(UserError, match="at least one training folder, got none"):
    write_report([], output)
  (tmp_path / "run.json").write_text(json.dumps({"data": {}}))
  with pytest.raises(UserError, match="got none with the part 'settings'"):
    write_report([tmp_path], output)
  empty = run_folder(tmp_path / "empty", steps=())
  with pytest.raises(UserError, match=r"rows in metrics\.csv, got none"):
    write_report([empty], output)
  assert not output.exists()


def test_outputs_that_cannot_be_written_are_refused(tmp_path):
  folder = run_folder(tmp_path / "run")
  with pytest.raises(UserError, match="got a folder; choose another"):
    write_report([folder], tmp_path)
  with pytest.raises(UserError, match="a path in no existing folder"):
    write_report([folder], tmp_path / "no" / "report.html")


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ([], "expected RUN_FOLDER…, got none"),
    (["--num_suspects=0", "x"], "--num_suspects=0"),
    (
      ["none"],
      "none: expected a training folder with run.json, got no such folder",
    ),
  ],
)
def test_mistakes_are_one_line(tmp_path, arguments, message):
  result = run_script(_PROGRAM, *arguments, cwd=tmp_path)
  assert result.returncode == 1
  assert result.stderr.startswith("error: ") and message in result.stderr
  assert len(result.stderr.splitlines()) == 1


def test_the_program_writes_a_report_and_help(tmp_path):
  folder = run_folder(tmp_path / "run")

  def program(*arguments):
    return run_script(_PROGRAM, *arguments, cwd=tmp_path)

  written = program(folder, "--output=runs.html")
  assert (written.returncode, written.stderr) == (0, "")
  assert written.stdout == "runs.html\n"
  assert (
    "Training report: run" in Page((tmp_path / "runs.html").read_text()).text
  )
  helped = program("--help")
  assert "bin/report.py runs/baseline runs/pd" in helped.stdout
  assert "--num_suspects" in helped.stdout
