"""Clothing1M as published: lists of paths, and labels by path."""

from pathlib import Path

import numpy as np

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.listing import (
  FileReader,
  ImageList,
  ListedImages,
)
from mentornet_tf.datasets.labels.clean_labels import UNKNOWN
from mentornet_tf.datasets.labels.noise import describe_measured_noise
from mentornet_tf.datasets.trees.class_order import read_class_names
from mentornet_tf.datasets.trees.listed_labels import (
  checked_path,
  find_list,
  read_lines,
  shown,
)
from mentornet_tf.datasets.trees.published_counts import Published
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice

# Split -> its list. The labels of "train" come from web pages, those of the
# others from people.
_LISTS = {
  "train": "noisy_train_key_list.txt",
  "clean_train": "clean_train_key_list.txt",
  "val": "clean_val_key_list.txt",
  "test": "clean_test_key_list.txt",
}
SPLITS = tuple(_LISTS)

_NOISY_LABELS = "noisy_label_kv.txt"
_CLEAN_LABELS = "clean_label_kv.txt"
_CLASS_NAMES = "category_names_eng.txt"
# Where copies keep the lists.
_FOLDERS = ("", "annotations", "label", "labels")

CLASS_NAMES = (
  "T-Shirt",
  "Shirt",
  "Knitwear",
  "Chiffon",
  "Sweater",
  "Hoodie",
  "Windbreaker",
  "Jacket",
  "Downcoat",
  "Suit",
  "Shawl",
  "Dress",
  "Vest",
  "Underwear",
)

PUBLISHED = Published(
  "Clothing1M",
  "Xiao et al., CVPR 2015",
  counts={"train": 1_037_497},
  # 61.54 % of the noisy labels are right, by the images that have both.
  noise_rates={"train": 0.3846},
)
# Images with a clean label, in whichever split, and with both kinds of labels.
_NUM_CLEAN, _NUM_BOTH = 72_409, 37_497


def load_clothing1m(source_dir: str | Path, split: str) -> ListedImages:
  """Reads the lists of one split; no image is opened.

  Args:
    source_dir: the folder that holds images/ and, itself or in annotations/ or
      label/, the lists.
    split: "train" (labels from web pages), or "clean_train", "val" or "test"
      (labels by people).

  Returns:
    The images in the order of the list; ids count its lines from 0. Clean
    labels of the split "train" are those of the images that people have
    labeled, too, and otherwise unknown; in the other splits they are the
    labels.

  Raises:
    UserError: a list is missing, or a line of one is malformed or has no label.
  """
  check_choice("split", split, SPLITS)
  root = Path(source_dir)
  class_names = _class_names(root)
  paths, ids, dropped = _read_keys(_required(root, _LISTS[split], split))
  is_train = split == "train"
  clean_file = find_list(root, _CLEAN_LABELS, _FOLDERS)
  clean_of = {}
  if clean_file or not is_train:
    clean_file = clean_file or _required(root, _CLEAN_LABELS, split)
    clean_of = _read_labels(clean_file, len(class_names))
  label_of, labels_name = clean_of, _CLEAN_LABELS
  if is_train:
    labels_file = _required(root, _NOISY_LABELS, split)
    label_of = _read_labels(labels_file, len(class_names))
    labels_name = _NOISY_LABELS
  missing = next((path for path in paths if path not in label_of), None)
  if missing is not None:
    raise UserError(
      f"source_dir: expected a label in {labels_name} for each image of "
      f"{_LISTS[split]}, got none for {shown(missing)}; get both lists again"
    )
  labels = np.array([label_of[path] for path in paths], np.int64)
  clean = np.array([clean_of.get(path, UNKNOWN) for path in paths], np.int64)
  noise = describe_measured_noise(labels, clean)
  return ListedImages(
    images=ImageList(
      paths=BytesColumn.of(paths),
      labels=labels,
      clean_labels=clean,
      ids=np.array(ids, np.int64),
    ),
    reader=FileReader(str(root.absolute())),
    class_names=class_names,
    description=f"Clothing1M, {_LISTS[split]}",
    fields={
      "noise": {"kind": "web" if is_train else "none", **noise},
      "ordering": _LISTS[split],
    },
    dropped=tuple((path, "listed twice") for path in dropped),
    notes=(
      *PUBLISHED.differences(split, len(paths), noise["measured_rate"]),
      *(_clean_notes(clean, clean_of) if is_train else ()),
    ),
  )


def _class_names(root: Path) -> tuple[str, ...]:
  """The published names, which the tree may spell another way."""
  path = find_list(root, _CLASS_NAMES, _FOLDERS)
  if path is None:
    return CLASS_NAMES
  names = read_class_names(path)
  if len(names) != len(CLASS_NAMES):
    raise UserError(
      f"{path}: expected the names of Clothing1M's {len(CLASS_NAMES)} classes, "
      f"got {len(names)}; get the list again, or remove it for the published "
      "names"
    )
  return names


def _required(root: Path, name: str, split: str) -> Path:
  path = find_list(root, name, _FOLDERS)
  if path is not None:
    return path
  advice = "get the list"
  if split != "train":
    advice += ', or choose the split "train" alone where your copy lacks it'
  raise UserError(
    f"source_dir: expected the list {name} in {root}, its annotations/ or "
    f"label/, got no such file; {advice}"
  )


def _read_keys(path: Path) -> tuple[list[bytes], list[int], list[bytes]]:
  """Paths, their lines counted from 0, and paths that are listed again."""
  seen: dict[bytes, int] = {}
  dropped = []
  for index, (where, line) in enumerate(read_lines(path)):
    key = checked_path(line, where)
    if key in seen:
      dropped.append(key)
    else:
      seen[key] = index
  if not seen:
    raise UserError(f"{path}: expected a path per line, got none; get it again")
  return list(seen), list(seen.values()), dropped


def _read_labels(path: Path, num_classes: int) -> dict[bytes, int]:
  labels: dict[bytes, int] = {}
  for where, line in read_lines(path):
    key, label = [*line.rsplit(None, 1), b""][:2]
    if not label.isdigit() or len(label) > 9 or int(label) >= num_classes:
      raise UserError(
        f"{where}: expected a path and a label between 0 and "
        f"{num_classes - 1}, got {shown(line)}; correct the line or get the "
        "list again"
      )
    key = checked_path(key, where)
    if labels.setdefault(key, int(label)) != int(label):
      raise UserError(
        f"{where}: expected one label for {shown(key)}, got {labels[key]} and "
        f"{int(label)}; get the list again"
      )
  return labels


def _clean_notes(clean: np.ndarray, clean_of: dict[bytes, int]) -> list[str]:
  if not clean_of:
    return [
      f"this copy of Clothing1M has no {_CLEAN_LABELS}: no clean label is known"
    ]
  source = f"as published ({PUBLISHED.source})"
  notes = []
  if len(clean_of) != _NUM_CLEAN:
    notes.append(
      f"expected {_NUM_CLEAN:,} clean labels in {_CLEAN_LABELS} {source}, got "
      f"{len(clean_of):,}"
    )
  num_both = int(np.sum(clean != UNKNOWN))
  if num_both != _NUM_BOTH:
    notes.append(
      f"expected {_NUM_BOTH:,} images of the train split with a clean label, "
      f"too, {source}, got {num_both:,}"
    )
  return notes
