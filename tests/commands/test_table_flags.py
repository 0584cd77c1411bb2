import pytest
from absl import flags
from command_modules import fresh_flags, imported_command

from mentornet_tf.commands import command_line, table_flags
from mentornet_tf.errors import UserError


@pytest.fixture
def read(tmp_path):
  def read(text: str, *words: str, name: str = "t.csv", **options):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with fresh_flags():
      table_flags.define_flags()
      flags.FLAGS(["convert-images", *words])
      return table_flags.own_images(
        str(tmp_path / name), None, **options
      ).files()

  return read


def test_columns_are_named_by_flags(read):
  files = read(
    "file;noisy;label;ok;part\na;x;y;;val\nb;y;;0;train\n",
    "--path_column=file",
    "--label_column=noisy",
    "--clean_label_column=label",
    "--known_wrong_column=ok",
    "--split_column=part",
  )
  assert list(files.images.paths) == [b"a", b"b"]
  assert files.images.labels.tolist() == [0, 1]
  assert files.images.clean_labels.tolist() == [1, 1]
  assert files.splits.tolist() == ["val", "train"]


def test_labels_from_one_are_noted_and_numbered_anew(read):
  text = "path,label\na,1\nb,3\nc,1\n"
  (note,) = read(text).notes
  with imported_command("create_image_folder_tf_record"):
    assert command_line.with_flags(note, {}) == (
      "no image in 2 classes (0, 2) of 4; --renumber numbers the labels anew"
    )
  anew = read(text, "--renumber")
  assert anew.class_names == ("1", "3")
  assert anew.images.labels.tolist() == [0, 1, 0]
  assert anew.notes == ()


def test_given_classes(read):
  files = read("a 1\nb 0\n", name="t.txt", class_names=("x", "y", "z"))
  assert files.class_names == ("x", "y", "z")
  assert files.notes == ("no image in 1 class (z) of 3",)


def test_annotators(read):
  text = "path,label\na,x\na,y\na,y\nb,x\n"
  with pytest.raises(UserError, match=r"^annotators: "):
    read(text)
  files = read(text, "--annotators=majority")
  assert files.images.labels.tolist() == [1, 0]
  assert files.notes == (
    "images on several lines: 1, 1 of them with different labels; the label of "
    "most lines was taken, ties skipped: 0",
  )


@pytest.mark.parametrize(
  ("word", "flag"),
  [
    ("--path_column=x", "--path_column"),
    ("--renumber", "--renumber"),
    ("--annotators=majority", "--annotators"),
  ],
)
def test_flags_about_a_table_want_one(word, flag):
  with imported_command("create_image_folder_tf_record"):
    flags.FLAGS(["x", "--output_dir=x", "--source_dir=y", word])
    with pytest.raises(
      UserError, match=f"expected --csv with {flag}, got none"
    ):
      table_flags.require_table("csv")
    flags.FLAGS(["x", "--csv=t.csv"])
    table_flags.require_table("csv")


def test_messages_name_the_flags(read):
  with pytest.raises(UserError) as missing:
    read("path,label\na,x\n", "--split_column=part")
  with pytest.raises(UserError) as several:
    read("path,label\na,x\na,y\n")
  with pytest.raises(UserError) as large:
    read("path,label\na,0\nb,9999999\n")
  with imported_command("create_image_folder_tf_record") as command:
    messages = [
      command_line.with_flags(str(each.value), command.PARAMETER_FLAGS)
      for each in (missing, several, large)
    ]
  assert messages[0].startswith("--split_column: expected a column of ")
  assert messages[1].startswith("--annotators: expected one label ")
  assert "choose --annotators=majority, or" in messages[1]
  assert messages[2].endswith("number them anew by --renumber")
