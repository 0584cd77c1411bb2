import csv
import dataclasses

import numpy as np
import pytest
import tiny
from PIL import Image
from ranked_runs import STEPS, by_hand
from simulated_labels import simulated

import mentornet_tf as mn
from mentornet_tf.analysis import (
  contact_sheet,
  ranking,
  report_suspects,
  written_ranking,
)
from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.errors import UserError


def test_the_files_hold_the_ranking(tmp_path, suspects):
  data = dataclasses.replace(
    tiny.dataset(), class_names=("a", "b,$c$", "$", "d→")
  )
  ranking.write_suspect_labels(suspects, data, tmp_path / "new", 10)
  folder = tmp_path / "new"
  with (folder / "suspect_labels.csv").open(newline="") as file:
    rows = list(csv.DictReader(file))
  assert tuple(rows[0]) == ranking.COLUMNS
  assert [int(row["rank"]) for row in rows] == list(range(1, 61))
  for row, i in zip(rows, suspects.order, strict=True):
    given, predicted = suspects.labels[i], suspects.predicted_labels[i]
    assert int(row["id"]) == suspects.ids[i]
    assert int(row["given_label"]) == given
    assert int(row["predicted_label"]) == predicted
    assert row["given_class"] == data.class_names[given]
    assert row["predicted_class"] == data.class_names[predicted]
    for column, value in {
      "given_probability": suspects.pred_probs[i, given],
      "predicted_probability": suspects.pred_probs[i, predicted],
      "mean_loss": suspects.mean_loss[i],
      "mean_weight": suspects.mean_weight[i],
      "score": suspects.mean_loss[i],
    }.items():
      assert float(row[column]) == pytest.approx(value, rel=1e-5, abs=1e-9)
  with np.load(folder / "pred_probs.npz", allow_pickle=False) as arrays:
    np.testing.assert_array_equal(arrays["labels"], suspects.labels)
    np.testing.assert_array_equal(arrays["pred_probs"], suspects.pred_probs)
    np.testing.assert_array_equal(arrays["ids"], suspects.ids)
  metrics = written_ranking.read_ranking_metrics(folder)
  assert metrics["quality"] == suspects.quality()
  assert metrics["checkpoint_steps"] == list(STEPS)
  for picture in ("contact_sheet.png", "weight_against_loss.png"):
    assert min(Image.open(folder / picture).size) > 300
  assert len(list(folder.iterdir())) == 6
  assert (
    written_ranking.read_suspect_table(folder / "suspect_labels.csv", 3)
    == rows[:3]
  )


def test_without_known_clean_labels_there_is_no_weight_picture(tmp_path):
  suspects = by_hand(clean_labels=np.full(4, -1))
  data = dataclasses.replace(
    tiny.dataset(4),
    labels=suspects.labels,
    clean_labels=suspects.clean_labels,
  )
  ranking.write_suspect_labels(suspects, data, tmp_path)
  assert not (tmp_path / "weight_against_loss.png").exists()
  assert written_ranking.read_ranking_metrics(tmp_path)["quality"] is None
  note, disagreeing = ranking.describe(suspects)
  assert note.startswith("note: no estimate of the label noise: labels: ")
  assert disagreeing == "1 of 4 labels differ from the predicted class"


@pytest.mark.parametrize(("share", "outside"), [(0.2, False), (0.5, True)])
def test_checked_labels_outside_the_estimate_are_told(share, outside):
  # The model takes the labels for what they are with 20 % noise; in truth more
  # are noisy.
  data = simulated(0)
  noisy = data.labels != data.clean
  more = np.random.default_rng(0).random(500) < (share - 0.2) / 0.8
  clean = np.where(more & ~noisy, (data.clean + 1) % 4, data.clean)
  suspects = mn.SuspectLabels.from_arrays(
    data.labels, data.pred_probs, clean_labels=clean
  )
  (line,) = [x for x in ranking.describe(suspects) if "checked labels" in x]
  number = (data.labels != clean).sum()
  assert line.startswith(f"{number} of 500 checked labels are noisy")
  assert ("outside the interval above" in line) == outside
  assert (f", {number / 5:.1f} %, which" in line) == outside
  # So few say nothing against it.
  few = np.where(np.arange(500) < 29, clean, -1)
  suspects = dataclasses.replace(suspects, clean_labels=few)
  assert not any("outside" in line for line in ranking.describe(suspects))


def test_outputs_that_cannot_be_written_are_refused(run_folder, tmp_path):
  (tmp_path / "file").write_text("in the way")
  with pytest.raises(UserError, match=r"file: expected a folder .* be created"):
    mn.rank_labels(run_folder, "ignored", output_dir=tmp_path / "file")
  with pytest.raises(UserError, match="num_images: expected at least 1, got 0"):
    mn.rank_labels(run_folder, "ignored", num_images=0)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("nonsense", "expected JSON written by a ranking of labels"),
    ("[]", "expected JSON written by a ranking of labels"),
    ('{"data": "x"}', "checkpoint_steps, num_disagreeing"),
  ],
)
def test_metrics_of_something_else_are_refused(tmp_path, text, message):
  (tmp_path / "metrics.json").write_text(text)
  with pytest.raises(UserError, match=message):
    written_ranking.read_ranking_metrics(tmp_path)


def test_labels_known_to_be_wrong_are_named_in_every_file(tmp_path):
  data = dataclasses.replace(
    tiny.dataset().take(np.arange(4)), class_names=("cat", "dog", "c", "d")
  )
  suspects = by_hand(clean_labels=np.array([0, -2, -1, -2]))
  ranking.write_suspect_labels(suspects, data, tmp_path)
  rows = written_ranking.read_suspect_table(tmp_path / ranking.TABLE_FILE, 4)
  assert {row["id"]: row["clean_class"] for row in rows} == {
    "10": "cat",
    "11": "known wrong",
    "12": "",
    "13": "known wrong",
  }
  assert ranking.describe(suspects)[2] == "2 of 3 checked labels are noisy"
  assert not any("predicted class is" in x for x in ranking.describe(suspects))
  report = suspects_section_of(tmp_path)
  assert "detecting the 2 noisy labels" in report
  assert "predicted class is the clean label" not in report


def suspects_section_of(folder):
  run = folder / "run"
  run.mkdir()
  (run / ranking.DEFAULT_FOLDER).symlink_to(folder)
  return "".join(report_suspects.suspects_section(run, 4))


@pytest.mark.parametrize(
  ("given", "suggested", "clean", "verdict"),
  [
    (0, 1, -2, "known_wrong"),
    (0, 0, -2, "missed"),
    (0, 1, -1, "unknown"),
    (0, 1, 1, "found"),
    (0, 1, 0, "kept"),
  ],
)
def test_verdicts_on_the_contact_sheet(given, suggested, clean, verdict):
  assert contact_sheet.verdict(given, suggested, clean) == verdict


def named(data, suspects, paths):
  column = BytesColumn.of(path.encode() for path in paths)
  return (
    dataclasses.replace(data, paths=column),
    dataclasses.replace(suspects, paths=column),
  )


def test_files_are_named_in_the_table_and_in_a_report(tmp_path):
  paths = ["a/1.jpg", "b/<é>, 2.jpg", "a/3.jpg", "b/4.jpg"]
  data, suspects = named(tiny.dataset(4), by_hand(), paths)
  ranking.write_suspect_labels(suspects, data, tmp_path, 3)
  rows = written_ranking.read_suspect_table(tmp_path / ranking.TABLE_FILE, 9)
  assert {row["id"]: row["path"] for row in rows} == dict(
    zip(("10", "11", "12", "13"), paths, strict=True)
  )
  images = written_ranking.read_suspect_images(tmp_path / ranking.IMAGES_FILE)
  # Most suspect first: those of the highest loss.
  assert list(images) == [12, 11, 13]
  for id, image in images.items():
    np.testing.assert_array_equal(image, data.images[id - 10])
  report = suspects_section_of(tmp_path)
  assert "<td>b/&lt;é&gt;, 2.jpg</td>" in report
  assert report.count('class="thumbnail"') == 3
  assert 'alt="a/3.jpg"' in report
  (tmp_path / ranking.IMAGES_FILE).write_bytes(b"PK damaged")
  with pytest.raises(UserError, match=r"images\.npz: expected images and ids"):
    written_ranking.read_suspect_images(tmp_path / ranking.IMAGES_FILE)


def test_captions_of_the_contact_sheet():
  assert contact_sheet.caption(1, 7, "") == "1 · id 7"
  assert contact_sheet.caption(1, 7, "emu/12.jpg") == "1 · id 7\nemu/12.jpg"
  long = "n01440764/a_long_folder/of_names/picture_17.jpg"
  shown = contact_sheet.caption(2, 7, long).splitlines()[1]
  assert shown == "…/picture_17.jpg" and len(shown) <= 24
  assert contact_sheet.caption(2, 7, "x" * 40).endswith("\n…" + "x" * 23)
