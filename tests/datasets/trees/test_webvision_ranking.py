"""Rankings of WebVision name each image's own file."""

from converted_sets import (
  assert_paths_are_right,
  both_rankings,
  run_command,
)
from webvision_tree import write_webvision_tree


@both_rankings
def test_paths_are_those_of_the_bytes_with_files_skipped_between(
  tmp_path, rank
):
  tree = write_webvision_tree(tmp_path / "webvision", num_classes=3, side=24)
  records = tmp_path / "records"
  run_command(
    "create_webvision_tf_record",
    f"--source_dir={tree.root}",
    f"--output_dir={records}",
    "--num_shards=3",
    "--num_workers=1",
  )
  rows = rank(tmp_path, records, "webvision_mini", "val")
  listed = tree.lists["train_filelist_google"]
  kept = {*tree.kept("train_filelist_google")}
  # Skipped files lie between kept ones, so that ids are no positions.
  first_skipped = min(
    i for i, (path, _) in enumerate(listed) if path in tree.skipped
  )
  assert 0 < first_skipped < len(kept)
  assert {row["path"] for row in rows} == kept
  assert len(rows) == len(kept)
  for row in rows:
    number = int(row["id"])
    assert listed[number] == (row["path"], int(row["given_label"]))
  same = {path for path in kept if path not in tree.repaired}
  assert_paths_are_right(
    [row for row in rows if row["path"] in same],
    records,
    "webvision_mini",
    tree.root,
  )
