"""Tiny-ImageNet as published: a folder for each of 200 synsets."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mentornet_tf.datasets.images.bytes_columns import BytesColumn
from mentornet_tf.datasets.images.listing import (
  FileReader,
  ImageList,
  ListedImages,
)
from mentornet_tf.datasets.labels.label_noise import LabelNoise
from mentornet_tf.datasets.labels.noise import (
  OWN_NOISE_KINDS,
  measured_noise_rate,
)
from mentornet_tf.datasets.trees.published_counts import Published
from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice
from mentornet_tf.internal.regular_files import check_regular

SPLITS = ("train", "val")

PUBLISHED = Published(
  "Tiny-ImageNet", "Stanford CS231n", {"train": 100_000, "val": 10_000}
)

_ANNOTATIONS = "val_annotations.txt"


def load_tiny_imagenet(
  source_dir: str | Path,
  split: str,
  noise: LabelNoise | None = None,
  dataset_name: str = "tiny_imagenet",
) -> ListedImages:
  """Lists the images of one split; none is opened.

  Args:
    source_dir: the folder that holds wnids.txt, train/ and val/.
    split: "train" or "val"; the labels of the test images are not published.
    noise: changes the labels of the training split.
    dataset_name: name of the set, for messages.

  Returns:
    The images of val in the order of val_annotations.txt, others in the order
    of their paths; ids count them. Labels count the lines of wnids.txt; those
    of the source are the clean ones.

  Raises:
    UserError: a file or folder is missing, a line is malformed, or the noise
      cannot be made.
  """
  check_choice("split", split, SPLITS)
  root = Path(source_dir)
  wordnet_ids = _read_wordnet_ids(root / "wnids.txt")
  annotations = root / "val" / _ANNOTATIONS
  if split == "val" and annotations.is_file():
    found = list(_annotated(root, annotations, wordnet_ids))
    ordering = _ANNOTATIONS
  else:
    found = list(_in_folders(root, split, wordnet_ids))
    ordering = "paths"
  clean = np.array([label for _, label in found], np.int64)
  labels, description = _with_noise(
    clean, len(wordnet_ids), split, noise or LabelNoise(), dataset_name
  )
  return ListedImages(
    images=ImageList(
      paths=BytesColumn.of(os.fsencode(path) for path, _ in found),
      labels=labels,
      clean_labels=clean,
      ids=np.arange(len(found), dtype=np.int64),
    ),
    reader=FileReader(str(root.absolute())),
    class_names=_class_names(root / "words.txt", wordnet_ids),
    description=f"Tiny-ImageNet, {split}",
    fields={
      "noise": description
      | {"measured_rate": measured_noise_rate(labels, clean)},
      "ordering": ordering,
      "wordnet_ids": wordnet_ids,
    },
    notes=PUBLISHED.differences(split, len(found)),
  )


def _read_wordnet_ids(path: Path) -> list[str]:
  ids = _lines(path)
  if (
    len(set(ids)) != len(ids)
    or len(ids) < 2
    or any(character in each for each in ids for character in " /\0")
  ):
    raise UserError(
      f"{path}: expected a different WordNet id on each line, got {len(ids)} "
      f"lines with {len(set(ids))} different ones; get the file again"
    )
  return ids


def _lines(path: Path) -> list[str]:
  """The lines of a text file that are not empty, without their ends."""
  try:
    text = check_regular(path).read_text(encoding="utf-8-sig")
  except (OSError, UnicodeDecodeError) as error:
    raise UserError(
      f"source_dir: expected Tiny-ImageNet's list {path}, got "
      f"{getattr(error, 'strerror', None) or 'other bytes'}; give the folder "
      "that holds wnids.txt, train/ and val/"
    ) from error
  return [line.strip() for line in text.splitlines() if line.strip()]


def _class_names(path: Path, wordnet_ids: list[str]) -> tuple[str, ...]:
  """The first name of each synset; its id where words.txt has none."""
  words = dict(
    line.split("\t", 1)
    for line in (_lines(path) if path.is_file() else [])
    if "\t" in line
  )
  return tuple(words.get(each, each) for each in wordnet_ids)


def _annotated(
  root: Path, path: Path, wordnet_ids: list[str]
) -> Iterator[tuple[str, int]]:
  """Path and label of each line; images may be sorted into folders."""
  labels = {each: label for label, each in enumerate(wordnet_ids)}
  for number, line in enumerate(_lines(path), start=1):
    name, wordnet_id = [*line.split("\t"), ""][:2]
    if wordnet_id not in labels or "/" in name or "\0" in name:
      raise UserError(
        f"{path}: line {number}: expected a file name, a tab and an id of "
        f"wnids.txt, got {line[:80]!r}; get the file again"
      )
    places = [
      f"val/images/{name}",
      f"val/{wordnet_id}/{name}",
      f"val/{wordnet_id}/images/{name}",
    ]
    there = [place for place in places if os.path.isfile(root / place)]
    yield (there or places)[0], labels[wordnet_id]


def _in_folders(
  root: Path, split: str, wordnet_ids: list[str]
) -> Iterator[tuple[str, int]]:
  """Path and label of each image of <split>/<id>/images/ or <split>/<id>/."""
  missing = [each for each in wordnet_ids if not (root / split / each).is_dir()]
  if missing:
    raise UserError(
      f"source_dir: expected a folder for each id of wnids.txt in "
      f"{root / split}, got none for {len(missing)} of {len(wordnet_ids)}, "
      f"such as {missing[0]}; get the data set whole"
    )
  for label, wordnet_id in enumerate(wordnet_ids):
    folder = f"{split}/{wordnet_id}"
    if (root / folder / "images").is_dir():
      folder += "/images"
    for name in sorted(os.listdir(root / folder)):
      if name.lower().endswith((".jpeg", ".jpg")) and name[0] != ".":
        yield f"{folder}/{name}", label


def _with_noise(
  clean: np.ndarray,
  num_classes: int,
  split: str,
  noise: LabelNoise,
  dataset_name: str,
) -> tuple[np.ndarray, dict[str, object]]:
  """[N] int64, the labels to train on, and what a summary says."""
  check_choice("noise", noise.kind, OWN_NOISE_KINDS)
  if split != "train":
    return clean, {"kind": "none"}
  return noise.drawn_labels(clean, num_classes, dataset_name)
