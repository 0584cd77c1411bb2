"""The whole loop: convert, train, rank, correct, convert the new table."""

import csv
import json

import numpy as np
import pytest
import tiny
from absl import flags
from command_modules import imported_command
from converted_sets import run_command, verify_and_rank
from PIL import Image

import mentornet_tf as mn
from mentornet_tf.analysis.ranking import write_suspect_labels
from mentornet_tf.commands.command_line import with_flags
from mentornet_tf.errors import UserError

COUNT = 60


def rows_of(file):
  with file.open(newline="", encoding="utf-8") as opened:
    return list(csv.DictReader(opened))


def write_rows(file, rows):
  with file.open("w", newline="", encoding="utf-8") as opened:
    writer = csv.DictWriter(opened, rows[0])
    writer.writeheader()
    writer.writerows(rows)


def write_pictures(folder, name_of):
  """Quadrants, 30 % of them with a noisy label, as PNG files."""
  data = tiny.dataset(COUNT)
  for number, image in enumerate(data.images):
    path = folder / name_of(number, "abcd"[data.labels[number]])
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
  return data


def convert(folder, *source):
  run_command(
    "create_image_folder_tf_record",
    *source,
    f"--output_dir={folder}",
    "--dataset_name=quadrants",
    "--image_size=32",
    "--num_workers=1",
  )
  return json.loads((folder / "quadrants_train.json").read_text())


def train_and_rank(folder, records):
  run_command(
    "train_student",
    f"--data_dir={records}",
    f"--train_log_dir={folder / 'run'}",
    "--dataset_name=quadrants",
    f"--studentnet={tiny.STUDENT}",
    "--trained_mentornet_dir=mentornet_pd",
    "--batch_size=10",
    "--learning_rate=0.05",
    "--noaugment",
    "--max_number_of_steps=60",
    "--example_dropout_rates=0.2,100",
  )
  run_command(
    "rank_labels",
    f"--train_log_dir={folder / 'run'}",
    f"--data_dir={records}",
  )
  return folder / "run" / "suspect_labels"


def test_folders_are_corrected_by_a_file(tmp_path, capsys):
  source = tmp_path / "photos"
  data = write_pictures(source, lambda number, label: f"{label}/é {number}.png")
  (source / "b" / "notes.txt").write_text("no picture")
  (source / "c" / "cut.png").write_bytes(b"\x89PNG\r\n")
  options = (f"--source_dir={source}", "--test_fraction=0.2", "--seed=3")
  convert(tmp_path / "records", *options)
  ranked = verify_and_rank(tmp_path, tmp_path / "records", "quadrants", "test")
  for row in ranked:
    number = int(row["path"].removeprefix(f"{row['given_class']}/é ")[:-4])
    assert "abcd"[data.labels[number]] == row["given_class"]
  first, second, third, *_ = ranked
  target = next(each for each in "abcd" if each != first["given_class"])
  corrections = [
    {
      "rank": row["rank"],
      "id": row["id"],
      "path": row["path"],
      "given_label": row["given_label"],
      "action": action,
      "label": label,
    }
    for row, action, label in (
      (first, "relabel", target),
      (second, "drop", ""),
      (third, "keep", ""),
    )
  ]
  write_rows(tmp_path / "corrections.csv", corrections)
  before = sorted(path for path in source.rglob("*"))
  new = tmp_path / "new.csv"
  run_command(
    "correct",
    *options,
    f"--corrections={tmp_path / 'corrections.csv'}",
    f"--output={new}",
  )
  printed = capsys.readouterr().out
  assert f"{new}: 1 kept, 1 relabelled, 1 dropped of 62 images" in printed
  # Pasted as it is, it gives records of the same name as before.
  assert printed.endswith(
    "next, with --image_size and the like as in the first conversion:\n"
    f"mentornet convert-images --csv={new} --source_dir={source} "
    "--dataset_name=photos --output_dir=records/new\n"
  )
  assert sorted(path for path in source.rglob("*")) == before
  summary = convert(
    tmp_path / "again", f"--csv={new}", f"--source_dir={source}"
  )
  assert "note: corrected labels: 1 kept, 1 relabelled, 1 dropped" in (
    capsys.readouterr().out
  )
  assert summary["corrections"] == {"kept": 1, "relabelled": 1, "dropped": 1}
  assert summary["images"]["skipped"]["dropped by a correction"] == 1
  assert summary["num_examples"] == len(ranked) - 1
  assert summary["class_names"] == list("abcd")
  # The same images are for training, with the same ids and one new label.
  old, again = (
    load(tmp_path / place, "quadrants") for place in ("records", "again")
  )
  expected = {
    row["id"]: row["given_label"] for row in ranked if row is not second
  } | {first["id"]: str("abcd".index(target))}
  assert again == expected
  assert old == expected | {
    row["id"]: row["given_label"] for row in (first, second)
  }


def load(folder, name):
  from mentornet_tf.datasets.records.schema import load_in_memory

  data = load_in_memory(folder, name, "train")
  return dict(
    zip(
      map(str, data.ids.tolist()), map(str, data.labels.tolist()), strict=True
    )
  )


def test_a_table_is_corrected_automatically(tmp_path, capsys):
  data = write_pictures(tmp_path, lambda number, label: f"all/{number}.png")
  classes = ["ant", "bee", "cow", "dog"]
  listed = [
    {
      "Photo": f"all/{number}.png",
      "by": f"Zoë, no. {number}",
      "label": classes[label],
      "clean_label": classes[clean],
    }
    for number, (label, clean) in enumerate(
      zip(data.labels, data.clean_labels, strict=True)
    )
  ]
  write_rows(tmp_path / "photos.csv", listed)
  options = (f"--csv={tmp_path / 'photos.csv'}", "--path_column=photo")
  convert(tmp_path / "records", *options)
  ranking = train_and_rank(tmp_path, tmp_path / "records")
  capsys.readouterr()
  new = tmp_path / "new.csv"
  run_command(
    "correct",
    *options,
    f"--ranking={ranking}",
    "--auto=0.5",
    f"--output={new}",
  )
  printed = capsys.readouterr().out
  changed = [row for row in rows_of(new) if row["label_correction"]]
  assert f"--auto: {len(changed)} corrections, estimated precision " in printed
  right = [row["label"] == row["clean_label"] for row in changed]
  assert len(right) >= 4 and sum(right) / len(right) >= 0.5
  suggested = {
    row["path"]: row["predicted_class"]
    for row in rows_of(ranking / "suspect_labels.csv")
  }
  for row, former in zip(rows_of(new), listed, strict=True):
    assert {name: row[name] for name in ("Photo", "by", "clean_label")} == {
      name: former[name] for name in ("Photo", "by", "clean_label")
    }
    if row in changed:
      assert row["label_correction"] == "relabelled"
      assert row["label_before"] == former["label"]
      assert row["label"] == suggested[row["Photo"]] != former["label"]
    else:
      assert row["label"] == former["label"] and not row["label_before"]
  summary = convert(tmp_path / "again", f"--csv={new}", "--path_column=photo")
  assert summary["corrections"]["relabelled"] == len(changed)
  assert summary["noise"]["measured_rate"] < 0.3


def test_a_review_of_the_top_alone_names_the_page_to_go_on_with(tmp_path):
  """After which --auto has something to suggest, and says how much."""
  (tmp_path / "t.csv").write_text(
    "path,label\n" + "".join(f"{i}.png,{'xy'[i % 2]}\n" for i in range(80))
  )
  suspects = mn.SuspectLabels.from_arrays(
    np.arange(80) % 2,
    np.eye(2)[1 - np.arange(80) % 2],
    paths=[f"{i}.png" for i in range(80)],
    class_names="xy",
  )
  ranking = tmp_path / "my run"
  write_suspect_labels(suspects, None, ranking)

  def correct(*reviewed):
    (tmp_path / "k.csv").write_text(
      "path,action,label\n"
      + "".join(f"{i}.png,relabel,{'yx'[i % 2]}\n" for i in reviewed)
    )
    with imported_command("correct") as command:
      flags.FLAGS(
        [
          "mentornet correct",
          f"--csv={tmp_path / 't.csv'}",
          f"--corrections={tmp_path / 'k.csv'}",
          f"--ranking={ranking}",
          "--auto=0.5",
          f"--output={tmp_path / 'new.csv'}",
        ]
      )
      command.main()

  with pytest.raises(UserError) as caught:
    correct(*range(20))
  assert "the last checked label, at rank 20 of " in str(caught.value)
  assert str(caught.value).endswith(
    f"every tenth: mentornet review '{ranking}' --every=10"
  )
  correct(*range(0, 80, 10))
  kept = [row["label_correction"] for row in rows_of(tmp_path / "new.csv")]
  assert kept == ["relabelled"] * 71 + [""] * 9


@pytest.mark.parametrize(
  ("words", "message"),
  [
    ([], "give --source_dir or --csv"),
    (["--csv=t.csv"], "expected --corrections or --auto, got neither"),
    (["--csv=t.csv", "--auto=0.9"], "--ranking: expected the folder of a rank"),
    (["--csv=t.csv", "--corrections=k.csv", "--ranking=r"], "--auto: expected"),
    (
      ["--csv=t.csv", "--auto=1.0", "--ranking=r"],
      "--auto: expected a precision above 0 and below 1, got 1.0",
    ),
    (["--csv=t.csv", "--corrections=c.csv"], "--corrections: expected a table"),
    (["--source_dir=x", "--label_column=y"], "--csv with --label_column"),
    (
      ["--csv=t.csv", "--corrections=k.csv", "--output=t.csv", "--overwrite"],
      "--output: expected another file than the table that is corrected",
    ),
    (
      ["--csv=t.csv", "--corrections=k.csv", "--output=k.csv"],
      "which exists; choose another, or give --overwrite",
    ),
  ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, words, message):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "t.csv").write_text("path,label\na.png,x\nb.png,y\n")
  (tmp_path / "k.csv").write_text("path,action\na.png,keep\n")
  before = {path: path.read_bytes() for path in tmp_path.iterdir()}
  with imported_command("correct") as command:
    flags.FLAGS(["mentornet correct", "--output=new.csv", *words])
    with pytest.raises(UserError) as caught:
      command.main()
    line = with_flags(str(caught.value), command.PARAMETER_FLAGS)
  assert message in line and "\n" not in line
  assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
