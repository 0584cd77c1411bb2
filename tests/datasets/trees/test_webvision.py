import numpy as np
import pytest
from webvision_tree import wordnet_id, write_webvision_tree

from mentornet_tf.datasets.images.listing import ImageEntry
from mentornet_tf.datasets.trees.webvision import load_webvision
from mentornet_tf.errors import UserError


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
  return write_webvision_tree(
    tmp_path_factory.mktemp("trees") / "webvision",
    num_classes=52,
    train_per_class=2,
    side=8,
  )


def columns(listed):
  entries = [listed.images[i] for i in range(len(listed.images))]
  return [(entry.path.decode(), entry.label, entry.id) for entry in entries]


def unique(lines):
  """(path, label, line) of the first lines of every path."""
  seen = {}
  for number, (path, label) in enumerate(lines):
    seen.setdefault(path, (path, label, number))
  return list(seen.values())


@pytest.mark.parametrize("subset", ["google", "flickr", "all"])
def test_a_training_list_comes_in_its_order(tree, subset):
  listed = load_webvision(tree.root, "train", subset)
  lines = tree.lists[f"train_filelist_{subset}"]
  assert columns(listed) == unique(lines)
  assert set(listed.images.clean_labels) == {-1}
  twice = [] if subset == "flickr" else tree.listed_twice
  assert listed.dropped == tuple((p.encode(), "listed twice") for p in twice)
  assert listed.num_classes == 52
  assert listed.class_names[51] == "class 51, kind of grating"
  assert listed.description == f"WebVision 1.0, train_filelist_{subset}.txt"
  assert listed.fields["noise"] == {"kind": "web"}
  assert listed.fields["ordering"] == f"train_filelist_{subset}"
  assert listed.fields["webvision_labels"] == list(range(52))


def test_an_entry_knows_its_search_and_synset(tree):
  listed = load_webvision(tree.root, "train", "google")
  row = columns(listed).index(("google/q0104/image00001.jpg", 51, 51 + 52 + 10))
  assert listed.images[row] == ImageEntry(
    path=b"google/q0104/image00001.jpg",
    label=51,
    clean_label=-1,
    id=51 + 52 + 10,
    query=b"q0104",
    synset=wordnet_id(51).encode(),
  )
  content = (tree.root / "google/q0104/image00001.jpg").read_bytes()
  assert listed.reader.read(listed.images[row]) == content


def test_mini_is_the_first_50_classes_of_google(tree):
  listed = load_webvision(tree.root, "train", "mini")
  lines = unique(tree.lists["train_filelist_google"])
  assert columns(listed) == [line for line in lines if line[1] < 50]
  assert listed.num_classes == 50
  assert listed.fields["webvision_labels"] == list(range(50))
  assert listed.fields["wordnet_ids"] == [wordnet_id(i) for i in range(50)]


def test_validation_labels_are_clean(tree):
  listed = load_webvision(tree.root, "val", "mini")
  expected = [
    (f"val_images_256/{name}", label, number)
    for number, (name, label) in enumerate(tree.lists["val_filelist"])
    if label < 50
  ]
  assert columns(listed) == expected and len(expected) == 100
  np.testing.assert_array_equal(
    listed.images.clean_labels, listed.images.labels
  )
  assert listed.images.queries is None
  assert listed.images[0].synset == wordnet_id(0).encode()
  assert listed.fields["noise"] == {"kind": "none"}


def test_chosen_classes_are_numbered_anew(tree):
  chosen = ["51", wordnet_id(7), "30"]
  for split, list_name in (
    ("train", "train_filelist_all"),
    ("val", "val_filelist"),
  ):
    listed = load_webvision(tree.root, split, "all", chosen)
    new = {7: 0, 30: 1, 51: 2}
    expected = [
      (new[label], number)
      for _, label, number in unique(tree.lists[list_name])
      if label in new
    ]
    assert [row[1:] for row in columns(listed)] == expected
    assert listed.class_names == tuple(
      f"class {label}, kind of grating" for label in (7, 30, 51)
    )
    assert listed.fields["webvision_labels"] == [7, 30, 51]
    assert listed.images[0].synset == wordnet_id(7).encode()


def small(tmp_path, **files):
  """A root whose lists hold the given text."""
  (tmp_path / "info").mkdir()
  texts = {
    "synsets": "n00000001 one\nn00000002 two\n",
    "train_filelist_google": "google/q0001/a.jpg 0\n",
    "val_filelist": "a.jpg 1\n",
  }
  for name, text in (texts | files).items():
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "info" / f"{name}.txt").write_bytes(content)
  return tmp_path


def test_forms_of_lines(tmp_path):
  root = small(
    tmp_path,
    train_filelist_google=b"google/q1/a b.jpg 1\r\n\n./\xff.jpg\t \xc2 0",
    val_filelist="val_images_256/a.jpg 1\nb.jpg 0\n",
  )
  listed = load_webvision(root, "train", "mini")
  assert listed.class_names == ("one", "two")
  assert list(listed.images.paths) == [
    b"google/q1/a b.jpg",
    b"./\xff.jpg\t \xc2",
  ]
  assert listed.images.ids.tolist() == [0, 2]
  assert list(listed.images.queries) == [b"q1", b"."]
  assert list(load_webvision(root, "val", "mini").images.paths) == [
    b"val_images_256/a.jpg",
    b"val_images_256/b.jpg",
  ]


@pytest.mark.parametrize(
  ("text", "words"),
  [
    ("a/b.jpg 0\na/b.jpg\n", r"line 2: expected a relative path and a label"),
    ("a/b.jpg zero\n", r"line 1: .*got 'a/b.jpg zero'"),
    ("7\n", "line 1: expected a relative path and a label"),
    ("a/b.jpg 1.0\n", "line 1: expected a relative path and a label"),
    ("a\0b.jpg 1\n", "line 1: expected a relative path and a label"),
    ("a/b.jpg 1\n\na/c.jpg 2\n", r"line 3: .*between 0 and 1, .*got 2"),
    ("a/b.jpg -1\n", r"line 1: .*between 0 and 1, .*got -1"),
    ("a/../../b.jpg 1\n", r"line 1: expected a path below .*'a/\.\./\.\./b"),
    ("/etc/passwd 1\n", r"line 1: expected a path below .*'/etc/passwd'"),
  ],
)
def test_lines_that_are_refused(tmp_path, text, words):
  root = small(tmp_path, train_filelist_google=text)
  with pytest.raises(UserError, match=words) as caught:
    load_webvision(root, "train", "google")
  assert "\n" not in str(caught.value)
  assert "train_filelist_google.txt: line" in str(caught.value)


def test_missing_lists(tmp_path):
  root = small(tmp_path)
  with pytest.raises(UserError, match=r"train_filelist_flickr\.txt, got no"):
    load_webvision(root, "train", "flickr")
  (root / "info" / "synsets.txt").unlink()
  with pytest.raises(UserError, match=r"synsets\.txt, got no such file"):
    load_webvision(root, "train", "google")


@pytest.mark.parametrize("folder", ["nowhere", "info"])
def test_wrong_root(tmp_path, folder):
  small(tmp_path)
  with pytest.raises(UserError, match="its folder info/ of lists, got no"):
    load_webvision(tmp_path / folder, "train")


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    ({"split": "test"}, "split: expected one of train, val, got 'test'"),
    ({"subset": "bing"}, "subset: .* of mini, google, flickr, all, got 'bing'"),
    ({"classes": ["0"]}, "no list of classes with .subset=mini"),
    ({"subset": "google", "classes": ["2"]}, "labels from 0 to 1 .*got '2'"),
  ],
)
def test_bad_arguments(tmp_path, arguments, words):
  root = small(tmp_path)
  with pytest.raises(UserError, match=words):
    load_webvision(root, **({"split": "train"} | arguments))
