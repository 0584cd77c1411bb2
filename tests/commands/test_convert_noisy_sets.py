"""Sets of the field in their own layouts: converted, trained on and ranked."""

import noisy_set_trees
import pytest
from command_modules import imported_command
from converted_sets import both_rankings, run_command

from mentornet_tf.commands.command_line import with_flags
from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.records.schema import load_in_memory
from mentornet_tf.datasets.trees import cnwl
from mentornet_tf.errors import UserError


@both_rankings
def test_animal10n(tmp_path, rank, capsys):
  root = noisy_set_trees.write_animal10n(tmp_path / "animal")
  records = tmp_path / "records"
  run_command(
    "convert_animal10n",
    f"--source_dir={root}",
    f"--output_dir={records}",
    "--num_workers=1",
  )
  printed = capsys.readouterr().out
  assert "animal10n train: 30 of 30 listed images, 10 classes" in printed
  assert "animal10n test: 10 of 10 listed images, 10 classes" in printed
  rows = rank(tmp_path, records, "animal10n", "test", root)
  assert len(rows) == 30
  assert {row["given_label"] for row in rows} == set(map(str, range(10)))


@both_rankings
def test_tiny_imagenet(tmp_path, rank, capsys):
  root = noisy_set_trees.write_tiny_imagenet(tmp_path / "tiny-imagenet-200")
  records = tmp_path / "records"
  run_command(
    "convert_tiny_imagenet",
    f"--source_dir={root}",
    f"--output_dir={records}",
    "--noise=pairflip",
    "--noise_rate=0.5",
    "--num_workers=1",
  )
  printed = capsys.readouterr().out
  assert "noise pairflip (rate 0.5, seed 0), measured noise rate 0." in printed
  assert "tiny_imagenet val: 3 of 3 listed images, 3 classes" in printed
  rows = rank(tmp_path, records, "tiny_imagenet", "val", root)
  assert len(rows) == 12


@both_rankings
@pytest.mark.parametrize(
  "prepared", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_cnwl(tmp_path, capsys, prepared, rank):
  if prepared:
    noisy_set_trees.write_cnwl_tfds(tmp_path / "tfds")
    source = f"--tfds_data_dir={tmp_path / 'tfds'}"
  else:
    noisy_set_trees.write_cnwl(tmp_path / "cnwl")
    source = f"--source_dir={tmp_path / 'cnwl'}"
  records = tmp_path / "records"
  run_command(
    "convert_cnwl", source, f"--output_dir={records}", "--num_workers=1"
  )
  printed, warned = capsys.readouterr()
  name = "mini_imagenet_red_40"
  assert f"{name} train: 20 of 20 listed images, 100 classes" in printed
  assert f"{name} val: 6 of 6 listed images, 100 classes" in printed
  unknown = "the clean labels of 2 images are unknown: 1 have no annotation"
  assert (unknown in warned) != prepared
  rows = rank(tmp_path, records, name, "val")
  assert len({row["path"] for row in rows}) == len(rows) == 20
  for row in rows:
    if not prepared:
      assert (tmp_path / "cnwl" / row["path"]).is_file()
  clean = load_in_memory(records, name, "train").clean_labels.tolist()
  counts = clean.count(KNOWN_WRONG), clean.count(UNKNOWN)
  assert counts == ((5, 0) if prepared else (2, 2))


def test_choices_of_cnwl_are_those_of_the_library():
  with imported_command("convert_cnwl") as command:
    for name in ("SUBSETS", "COLORS", "NOISE_LEVELS"):
      assert getattr(command, name) == getattr(cnwl, name)


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    ([], "give --source_dir or --tfds_data_dir"),
    (["--source_dir=a", "--tfds_data_dir=b"], "got a and b; leave one"),
    (
      ["--tfds_data_dir=b", "--subset=stanford-cars"],
      "--subset: expected mini-imagenet with --tfds_data_dir",
    ),
  ],
)
def test_contradicting_flags_of_cnwl(tmp_path, arguments, words):
  with pytest.raises(UserError, match=words):
    run_command("convert_cnwl", *arguments, f"--output_dir={tmp_path}")


@pytest.mark.parametrize(
  "command", ["convert_animal10n", "convert_cnwl", "convert_tiny_imagenet"]
)
def test_splits_that_there_are_not(tmp_path, command):
  with pytest.raises(UserError, match="split: expected one of train") as caught:
    run_command(
      command,
      f"--source_dir={tmp_path}",
      "--splits=bogus",
      f"--output_dir={tmp_path}",
    )
  with imported_command(command) as module:
    line = with_flags(str(caught.value), module.PARAMETER_FLAGS)
  assert line.startswith("--splits: expected one of train")
