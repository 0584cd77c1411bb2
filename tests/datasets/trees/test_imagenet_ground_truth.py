import imagenet_trees
import numpy as np
import pytest
from imagenet_trees import NAMES, SHOWN

from mentornet_tf.datasets.trees.imagenet_ground_truth import (
  read_ground_truth,
  read_meta_file,
)
from mentornet_tf.errors import UserError

NUMBERS = np.arange(1, len(SHOWN) + 1)


def lines(*rows: str) -> str:
  return "".join(f"{row}\n" for row in rows)


def test_ids_of_the_devkit_go_by_its_table(tmp_path):
  devkit = imagenet_trees.write_devkit(tmp_path / "devkit")
  for path in (devkit, *(devkit / "data").glob("*.txt")):
    truth = read_ground_truth(path)
    assert truth.synsets(NUMBERS, list(NAMES)) == list(SHOWN)
  elsewhere = (devkit / "data" / "meta.mat").rename(tmp_path / "meta.mat")
  truth = read_ground_truth(devkit, elsewhere)
  assert truth.synsets(NUMBERS, list(NAMES)) == list(SHOWN)


def test_the_table_of_the_devkit(tmp_path):
  found = read_meta_file(imagenet_trees.write_meta_file(tmp_path / "meta.mat"))
  assert found == {
    1: "n02000000",
    2: "n04000000",
    3: "n01000000",
    4: "n03000000",
  }


@pytest.mark.parametrize(
  "text",
  [
    lines(*SHOWN),
    lines("", *SHOWN, ""),
    "\ufeff" + lines(*SHOWN).replace("\n", "\r\n"),
    lines(*(f"{n}.JPEG {s}" for n, s in zip(NAMES, SHOWN, strict=True))),
    lines(
      *(f"{n},{s}" for n, s in reversed([*zip(NAMES, SHOWN, strict=True)]))
    ),
    lines(
      "ImageId,PredictionString",
      *(f"{n},{s} 1 2 3 4 " for n, s in zip(NAMES, SHOWN, strict=True)),
    ),
    lines(*(f"val/{n}.JPEG\t{s}" for n, s in zip(NAMES, SHOWN, strict=True))),
  ],
)
def test_lists_of_wordnet_ids(tmp_path, text):
  path = tmp_path / "list.txt"
  path.write_bytes(text.encode())
  shuffled = [4, 0, 5, 2, 1, 3]
  found = read_ground_truth(path).synsets(
    NUMBERS[shuffled], [NAMES[row] for row in shuffled]
  )
  assert found == [SHOWN[row] for row in shuffled]


@pytest.mark.parametrize("count", [len(SHOWN) - 1, len(SHOWN) + 1])
def test_a_list_of_another_length_is_refused(tmp_path, count):
  path = tmp_path / "list.txt"
  path.write_text("n01000000\n" * count)
  truth = read_ground_truth(path)
  with pytest.raises(UserError) as caught:
    truth.synsets(NUMBERS, list(NAMES))
  assert f"got {count} lines for 6 images numbered 1 to 6" in str(caught.value)


def test_a_list_in_order_needs_all_images(tmp_path):
  path = tmp_path / "list.txt"
  path.write_text("n01000000\n" * 3)
  with pytest.raises(UserError, match="3 lines for 3 images numbered 2 to 4"):
    read_ground_truth(path).synsets(np.array([2, 3, 4]), list(NAMES[1:4]))


def test_images_that_a_list_does_not_name(tmp_path):
  path = tmp_path / "list.txt"
  path.write_text(f"{NAMES[0]} {SHOWN[0]}\n")
  with pytest.raises(UserError, match=f"none for 5 of 6, such as {NAMES[1]}"):
    read_ground_truth(path).synsets(NUMBERS, list(NAMES))


@pytest.mark.parametrize(
  ("text", "words"),
  [
    ("", "got no line"),
    ("ImageId,PredictionString\n", "got no line"),
    ("n01000000\n17\n", "line 2: expected .* got '17'"),
    ("17\nn01000000\n", "line 2: expected .* got 'n01000000'"),
    ("n0100\n", "line 1: expected .* got 'n0100'"),
    ("a.JPEG n01000000\nb.JPEG\n", "line 2: expected .* got 'b.JPEG'"),
    ("a.JPEG cat\n", "line 1: expected .* got 'a.JPEG cat'"),
    ("a n01000000\na n02000000\n", "line 2: expected one synset per image"),
    ("1\n2\n", "^meta_file: expected the devkit's meta.mat"),
  ],
)
def test_malformed_lists(tmp_path, text, words):
  path = tmp_path / "list.txt"
  path.write_text(text)
  with pytest.raises(UserError, match=words) as caught:
    read_ground_truth(path)
  assert "\n" not in str(caught.value)


def test_other_files(tmp_path):
  with pytest.raises(UserError, match=r"^ground_truth: .* no such file"):
    read_ground_truth(tmp_path / "list.txt")
  with pytest.raises(UserError, match=r"ILSVRC2012_validation_ground_truth"):
    read_ground_truth(tmp_path)
  (tmp_path / "list.txt").write_bytes(b"\xff\xd8\xff\xe0")
  with pytest.raises(UserError, match="expected a text file of labels"):
    read_ground_truth(tmp_path / "list.txt")


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"no table" * 100])
def test_other_files_as_the_devkits_table(tmp_path, content):
  (tmp_path / "meta.mat").write_bytes(content)
  with pytest.raises(UserError, match=r"expected the devkit's meta.mat"):
    read_meta_file(tmp_path / "meta.mat")


def test_a_list_and_a_table_that_do_not_belong_together(tmp_path):
  imagenet_trees.write_meta_file(tmp_path / "meta.mat")
  (tmp_path / "list.txt").write_text("1\n10\n7\n")
  with pytest.raises(UserError, match="lists, got 7; take both files from one"):
    read_ground_truth(tmp_path / "list.txt")
