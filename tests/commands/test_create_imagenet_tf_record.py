"""The program as users start it: from another folder, in its own process."""

import imagenet_trees
import pytest
from imagenet_trees import IMAGES, LABELS, NAMES, SHOWN
from program_runs import (
  assert_fails_in_one_line,
  assert_wrong_flags_fail_fast,
  start,
)

from mentornet_tf.datasets.records.schema import read_tfrecords
from mentornet_tf.datasets.records.shards import find_shards, read_summary

PROGRAM = "data/create_imagenet_tf_record.py"


@pytest.fixture
def folder(tmp_path):
  """The archive, the devkit and WebVision's list, and a place to work."""
  return imagenet_trees.write_all(tmp_path)


ARGUMENTS = (
  "--images=ILSVRC2012_img_val.tar",
  "--ground_truth=ILSVRC2012_devkit_t12",
  "--webvision_dir=webvision",
  "--output_dir=out",
)


def raw_records(folder, name):
  import tensorflow as tf

  for path in find_shards(folder, name, "val"):
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
      yield tf.train.Example.FromString(record).features.feature


def test_the_archive_becomes_records(folder):
  result = start(
    PROGRAM, folder, *ARGUMENTS, "--num_shards=2", "--num_workers=1"
  )
  assert result.returncode == 0, result.stderr
  assert result.stderr == ""
  lines = result.stdout.splitlines()
  assert lines[0] == (
    "imagenet_mini val: 6 of 6 listed images, 4 classes (thing n03, thing n01, "
    "thing n04, …), 0 repaired, 0 skipped"
  )
  assert lines[1].endswith("out/imagenet_mini_val-00000-of-00002")
  found = {}
  for features in raw_records(folder / "out", "imagenet_mini"):
    row = features["image/id"].int64_list.value[0]
    found[row] = (
      features["image/class/label"].int64_list.value[0],
      features["image/class/clean_label"].int64_list.value[0],
      features["image/synset"].bytes_list.value[0].decode(),
      features["image/path"].bytes_list.value[0].decode(),
      features["image/encoded"].bytes_list.value[0],
    )
  assert found == {
    row: (
      LABELS[row],
      LABELS[row],
      SHOWN[row],
      f"ILSVRC2012_img_val.tar/{NAMES[row]}.JPEG",
      IMAGES[row],
    )
    for row in range(6)
  }


def test_classes_that_are_chosen_and_images_that_are_left_out(folder):
  imagenet_trees.write_synset_folders(folder / "val")
  synsets = imagenet_trees.write_synsets(
    folder / "list.txt", ("n05000000", "n04000000", "n01000000")
  )
  result = start(
    PROGRAM,
    folder,
    "--images=val",
    f"--synsets={synsets}",
    "--subset=all",
    "--classes=n01000000,0",
    "--output_dir=out",
    "--resize=16",
    "--num_workers=1",
  )
  assert result.returncode == 0, result.stderr
  assert result.stdout.splitlines()[:2] == [
    "no image of 1 of 2 classes: n05000000",
    "imagenet val: 2 of 4 listed images, 2 classes (thing n05, thing n01), 0 "
    "repaired, 2 skipped (2 synset not in WebVision)",
  ]
  records = read_tfrecords(folder / "out", "imagenet", "val")
  found = sorted(
    (int(each["id"]), int(each["label"]), min(each["image"].shape[:2]))
    for each in records
  )
  assert found == [(1, 1, 16), (4, 1, 16)]
  summary = read_summary(folder / "out", "imagenet", "val")
  assert summary["classes_without_images"] == ["n05000000"]


def test_mistakes_are_reported_in_one_line(folder):
  (folder / "list.txt").write_text("n01000000\n" * 7)
  data = (folder / "ILSVRC2012_img_val.tar").read_bytes()
  (folder / "broken.tar").write_bytes(data[:3000])
  for arguments, words in (
    (["--images=broken.tar"], ["broken.tar: expected a whole", "truncated"]),
    (["--images=no.tar"], ["--images: ", "no.tar", "no such file"]),
    (["--ground_truth=list.txt"], ["7 lines for 6 images"]),
    (["--webvision_dir=no"], ["no/info/synsets.txt", "no such file"]),
    (["--subset=all", "--classes=n05000000"], ["got 'n05000000'"]),
    (
      ["--classes=n01000000"],
      ["--classes: ", "with --subset=mini"],
    ),
  ):
    result = start(PROGRAM, folder, *ARGUMENTS, *arguments)
    assert_fails_in_one_line(result, *words)
    assert not (folder / "out").exists()


def test_wrong_flags_fail_fast_in_one_line(tmp_path):
  assert_wrong_flags_fail_fast(
    PROGRAM,
    tmp_path,
    (
      (["--output_dir=x"], ["--images or --tfds_data_dir"]),
      (["--images=val"], ["--output_dir"]),
      (["--images=v", "--output_dir=x"], ["--webvision_dir", "--synsets"]),
      (
        ["--images=v", "--tfds_data_dir=t", "--synsets=s", "--output_dir=x"],
        ["--images or --tfds_data_dir, got v and t"],
      ),
      (["--subset=google"], ["--subset=google", "mini|all"]),
      (["--resize=0"], ["--resize=0"]),
    ),
  )


def test_help_names_every_flag(tmp_path):
  result = start(PROGRAM, tmp_path, "--help")
  assert result.stdout.strip().startswith("Writes ImageNet's validation set")
  for flag in ("--images", "--ground_truth", "--synsets", "--resize"):
    assert flag in result.stdout
