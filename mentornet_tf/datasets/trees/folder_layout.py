"""Which folders of a tree of images are splits, and which are classes.

A tree that can be read in two ways is refused, with the folder to give instead.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from mentornet_tf.datasets.trees.class_order import composed
from mentornet_tf.datasets.trees.split_names import SPLITS, split_of
from mentornet_tf.datasets.trees.storage_folders import list_folder
from mentornet_tf.errors import UserError
from mentornet_tf.internal.regular_files import open_regular

# Folders beside images, in lower case; they are classes if they hold images
# beside other classes, though.
_NO_CLASSES = {
  *("annotation", "annotations", "bounding_boxes", "labels", "masks"),
  *("doc", "docs", "info", "meta", "metadata", "readme", "license", "licenses"),
  *("list", "lists", "filelists", "imagesets", "logs", "code", "scripts"),
}

# Formats that are read, and those that are named when they are skipped.
_IMAGE_SUFFIXES = {
  *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp"),
  *(".tif", ".tiff", ".avif", ".heic", ".heif", ".jp2", ".jxl", ".ppm"),
}
_IMAGE_STARTS = (
  *(b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"II*\0", b"MM\0*"),
)

# How far down folders that repeat in every class are looked for.
_DEPTH = 3


@dataclass(frozen=True)
class FolderLayout:
  """How a tree is to be read.

  Attributes:
    splits: folder of the root -> the split it holds; empty where the root
      itself holds the classes.
    classes: names of the folders of the classes; of the training images' where
      there are splits.
    skipped: folders, relative to the root, that are neither.
  """

  splits: dict[str, str]
  classes: tuple[str, ...]
  skipped: tuple[str, ...]


def find_layout(root: Path, chosen: Collection[str] = ()) -> FolderLayout:
  """Tells the splits and the classes of a tree.

  Args:
    root: the folder; there is one.
    chosen: folders that are classes, whatever they look like.

  Raises:
    UserError: the folders can mean several things, or hold no classes.
  """
  tops = list_folder(root).folders
  splits: dict[str, str] = {}
  skipped: tuple[str, ...] = ()
  chosen = frozenset(map(composed, chosen))
  if not chosen.intersection(map(composed, tops)):
    splits, skipped = _splits(root, tops)
  place = next((root / n for n in splits if splits[n] == "train"), root)
  classes, others = _classes(place, chosen)
  inside = place.relative_to(root)
  return FolderLayout(
    splits, classes, (*skipped, *(str(inside / name) for name in others))
  )


def _splits(
  root: Path, tops: Sequence[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
  """The folders of splits, if there are any, and those to skip then."""
  named = {name: split for name in tops if (split := split_of(name))}
  with_folders = [name for name in named if list_folder(root / name).folders]
  if not with_folders:
    flat = [name for name in named if holds_images(root / name)]
    if len({named[name] for name in flat}) > 1:
      raise _ambiguous(
        f"a folder for each class in each of {_listed(flat)} in {root}",
        "images without such folders",
        "make them, or list the images with their labels in a table",
      )
    return {}, ()
  others = [name for name in tops if name not in named]
  unclear = [
    name
    for name in others
    if name.lower() not in _NO_CLASSES and holds_images(root / name)
  ]
  give = f"give {root / _first(with_folders, named)} as `source_dir`"
  if unclear:
    raise _ambiguous(
      f"either splits or classes in {root}",
      f"{_listed(with_folders)} with folders of their own beside "
      f"{_listed(unclear)} with images",
      f"{give}, or move the others away",
    )
  for split in SPLITS:
    same = [name for name in named if named[name] == split]
    if len(same) > 1:
      raise _refused(
        f"one folder of the split {split} in {root}",
        _listed(same),
        "move one of them away",
      )
  for name in named:
    if name not in with_folders:
      raise _refused(
        f"a folder for each class in {root / name}, as in "
        f"{_listed(with_folders)}",
        "none",
        f"make them, move {name} away, or {give}",
      )
  if "train" not in named.values():
    raise _refused(
      f"training images beside {_listed(with_folders)} in {root}",
      "no folder train",
      f"add it, or {give}",
    )
  return named, tuple(others)


def _classes(
  place: Path, chosen: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
  """The folders of the classes, and those to skip beside them."""
  names = list_folder(place).folders
  with_images = [name for name in names if holds_images(place / name)]
  skipped = tuple(
    name
    for name in names
    if name.lower() in _NO_CLASSES
    and name not in with_images
    and composed(name) not in chosen
  )
  classes = tuple(name for name in names if name not in skipped)
  if chosen:
    return classes, skipped
  inner = _inner_root(place, with_images)
  if inner != place or len(classes) < 2:
    raise _refused(
      f"a folder for each of two or more classes in {place}",
      _listed(names) if names else "no folder",
      f"give {inner} as `source_dir`"
      if inner != place
      else "put the images of each class into a folder of its name, or list "
      "them in a table",
    )
  _refuse_repeated_folders(place, classes)
  return classes, skipped


def _inner_root(place: Path, with_images: Sequence[str]) -> Path:
  """The folder with several folders of images that is the only way down."""
  inner = place
  while len(with_images) == 1:
    inner /= with_images[0]
    with_images = [
      name
      for name in list_folder(inner, follow_links=False).folders
      if holds_images(inner / name)
    ]
  return inner if with_images else place


def _refuse_repeated_folders(place: Path, classes: Sequence[str]) -> None:
  """Raises UserError where splits or classes seem to lie further down."""
  for name in classes:
    inner = list_folder(place / name, follow_links=False).folders
    splits = {split for each in inner if (split := split_of(each))}
    if len(splits) > 1:
      raise _ambiguous(
        f"folders of splits above those of the classes in {place}",
        f"{_listed(inner)} in {place / name}",
        "move them, or list the images with their splits in a table",
      )
  folders = [place / name for name in classes]
  for _ in range(_DEPTH):
    repeated = _repeated(folders)
    if len(repeated) > 1:
      raise _ambiguous(
        f"a folder for each class in {place}",
        f"{_listed(classes)}, which all hold {_listed(repeated)}",
        f"give one of them, such as {folders[0]}, as `source_dir`",
      )
    if not repeated:
      return
    folders = [folder / repeated[0] for folder in folders]


def _repeated(folders: Sequence[Path]) -> list[str]:
  """Names of the folders that each of some folders holds."""
  common: set[str] | None = None
  for folder in folders:
    inner = set(list_folder(folder, follow_links=False).folders)
    common = inner if common is None else common & inner
    if not common:
      break
  return sorted(common or ())


def holds_images(folder: Path) -> bool:
  """Whether a file in the folder or below it looks like an image."""
  listing = list_folder(folder, follow_links=False)
  return any(_is_image(folder / name) for name in listing.files) or any(
    holds_images(folder / name) for name in listing.folders
  )


def _is_image(path: Path) -> bool:
  """By its name, else by its first bytes."""
  if path.suffix.lower() in _IMAGE_SUFFIXES:
    return True
  try:
    with open_regular(path) as file:
      return file.read(4).startswith(_IMAGE_STARTS)
  except (OSError, UserError):
    return False


def _first(names: Sequence[str], split_of_name: dict[str, str]) -> str:
  """The folder of training images, else that of the first split there is."""
  return min(names, key=lambda name: SPLITS.index(split_of_name[name]))


def _listed(names: Sequence[str]) -> str:
  """Such as "cat, dog and owl"; of many the first."""
  if len(names) > 5:
    return f"{', '.join(names[:4])} and {len(names) - 4} more"
  *others, last = names
  return f"{', '.join(others)} and {last}" if others else last


def _refused(expected: str, got: str, advice: str) -> UserError:
  return UserError(f"source_dir: expected {expected}, got {got}; {advice}")


def _ambiguous(expected: str, got: str, advice: str) -> UserError:
  advice += ", or name the folders that are classes in `class_names`"
  return _refused(expected, got, advice)
