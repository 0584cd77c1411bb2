"""A small WebVision 1.0: its exact layout, generated images, planted defects.

As a program it writes a tree to try the commands on, of gratings or of
CIFAR-10's images:

  python tests/helpers/webvision_tree.py webvision --num_classes=60 \
      --train_per_class=40 --val_per_class=5 --side=300 --wrong_labels=0.3 \
      --cifar_dir=cifar-10-batches-bin
"""

import argparse
import colorsys
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass
class WebVisionTree:
  """What was written where.

  Attributes:
    root: the folder that holds info/.
    lists: name such as "train_filelist_google" -> (path, label) of its lines.
    repaired: path -> what a report calls the file that is encoded anew.
    skipped: path -> why a report says there is no record of it.
    listed_twice: paths of lines that repeat an earlier one.
    damaged: paths among `skipped` of JPEGs with damaged coded pixels.
  """

  root: Path
  lists: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
  repaired: dict[str, str] = field(default_factory=dict)
  skipped: dict[str, str] = field(default_factory=dict)
  listed_twice: list[str] = field(default_factory=list)
  damaged: list[str] = field(default_factory=list)

  def write_lists(self) -> None:
    """Writes info/<name>.txt of every list."""
    for name, lines in self.lists.items():
      text = "".join(f"{path} {label}\n" for path, label in lines)
      (self.root / "info" / f"{name}.txt").write_text(text)

  def kept(self, name: str) -> dict[str, int]:
    """Path -> label of the images of a list that get a record."""
    return {
      path: label
      for path, label in self.lists[name]
      if path not in self.skipped
    }


def wordnet_id(label: int) -> str:
  """The id of a label; not in the order of the labels, as in the original."""
  return f"n{(label * 7919 + 1440764) % 10**8:08d}"


def class_picture(
  label: int, rng: np.random.Generator, height: int, width: int
) -> Image.Image:
  """A grating whose colour, direction and period tell the class."""
  angle, period = label * 2.4, 0.12 + 0.05 * (label % 4)
  rows, columns = np.mgrid[0:height, 0:width] / min(height, width)
  along = rows * np.sin(angle) + columns * np.cos(angle)
  wave = np.sin(2 * np.pi * (along / period + rng.uniform()))
  colour = np.array(colorsys.hsv_to_rgb(label * 0.618 % 1, 0.7, 1.0))
  bright = rng.uniform(90, 130) + 60 * wave[..., np.newaxis]
  noise = rng.normal(0, 12, (height, width, 1))
  pixels = (bright + noise) * colour + 20
  return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def cifar_picture(source_dir: str | Path):
  """Makes pictures of CIFAR-10's images, each class one of its ten.

  Args:
    source_dir: the official archive.

  Returns:
    A function as `class_picture`.
  """
  from mentornet_tf.datasets.sources.cifar_archives import (
    load_cifar_archive,
  )

  source = load_cifar_archive(source_dir, "cifar10", "train")
  by_class = [np.flatnonzero(source.labels == k) for k in range(10)]

  def picture(
    label: int, rng: np.random.Generator, height: int, width: int
  ) -> Image.Image:
    chosen = rng.choice(by_class[label % 10])
    image = Image.fromarray(source.images[chosen])
    return image.resize((width, height), Image.Resampling.BICUBIC)

  return picture


def encoded(image: Image.Image, file_format: str = "JPEG", **options) -> bytes:
  file = io.BytesIO()
  image.save(file, file_format, **options)
  return file.getvalue()


def write_webvision_tree(
  root: str | Path,
  *,
  num_classes: int = 3,
  train_per_class: int = 6,
  val_per_class: int = 2,
  side: int = 48,
  wrong_labels: float = 0.0,
  defects: bool = True,
  seed: int = 0,
  draw=class_picture,
) -> WebVisionTree:
  """Writes the lists and the images.

  Args:
    root: a new folder.
    num_classes: lines of synsets.txt.
    train_per_class: images of each class that Google found; Flickr found half
      as many.
    val_per_class: validation images of each class.
    side: shorter sides are about so many pixels.
    wrong_labels: share of training images that show another class.
    defects: whether every kind of defect is planted into Google's images.
    seed: seed of pictures and sizes.
    draw: makes the picture of a label, as `class_picture`.

  Returns:
    What was written.
  """
  rng = np.random.default_rng(seed)
  tree = WebVisionTree(Path(root))
  (tree.root / "info").mkdir(parents=True)
  (tree.root / "info" / "synsets.txt").write_text(
    "".join(
      f"{wordnet_id(label)} class {label}, kind of grating\n"
      for label in range(num_classes)
    )
  )

  def picture(label: int) -> Image.Image:
    if rng.uniform() < wrong_labels:
      label = int(rng.integers(num_classes))
    height, width = rng.integers(side, side * 4 // 3, 2)
    return draw(label, rng, height, width)

  def add(path: str, content: bytes) -> None:
    file = tree.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)

  for source, count in (
    ("google", train_per_class),
    ("flickr", train_per_class // 2),
  ):
    lines = tree.lists[f"train_filelist_{source}"] = []
    for number in range(count):
      for label in range(num_classes):
        # Two searches a class.
        query = f"q{2 * label + number % 2 + 1:04d}"
        path = f"{source}/{query}/image{number:05d}.jpg"
        add(path, encoded(picture(label), progressive=number % 3 == 0))
        lines.append((path, label))
  if defects:
    _plant_defects(tree, picture, add)
  lines = tree.lists["val_filelist"] = []
  for number in range(num_classes * val_per_class):
    name, label = f"val{number + 1:06d}.jpg", number % num_classes
    image = draw(label, rng, side, side * 4 // 3)
    add(f"val_images_256/{name}", encoded(image))
    lines.append((name, label))
  tree.lists["train_filelist_all"] = [
    *tree.lists["train_filelist_google"],
    *tree.lists["train_filelist_flickr"],
  ]
  tree.write_lists()
  return tree


def write_imagenet_folders(
  root: str | Path,
  *,
  num_classes: int,
  images_per_class: int,
  side: int,
  seed: int = 1,
  draw=class_picture,
) -> None:
  """Writes validation images of the tree's classes as ImageNet is unpacked.

  A folder for each synset; the images' numbers follow an order of their own.

  Args:
    root: a new folder.
    num_classes: of the tree; a class the tree does not have comes on top.
    images_per_class: images in each folder.
    side: shorter sides, in pixels.
    seed: seed of pictures and order.
    draw: as in `write_webvision_tree`.
  """
  rng = np.random.default_rng(seed)
  labels = rng.permutation(np.arange(num_classes + 1).repeat(images_per_class))
  for number, label in enumerate(labels.tolist(), start=1):
    file = Path(root) / wordnet_id(label) / f"ILSVRC2012_val_{number:08d}.JPEG"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encoded(draw(label, rng, side, side * 4 // 3)))


def _plant_defects(tree: WebVisionTree, picture, add) -> None:
  """One file of every kind that real trees hold, among the first classes."""
  lines = tree.lists["train_filelist_google"]
  num_classes = len({label for _, label in lines})
  whole = encoded(picture(0))
  # A part is lost, and yet the file has its end.
  broken = whole[: len(whole) * 2 // 3] + b"\xff\xd9"
  for name, content, repair, reason in (
    ("cmyk", encoded(picture(0).convert("CMYK")), "CMYK JPEG", None),
    ("grey", encoded(picture(0).convert("L")), "grey JPEG", None),
    ("png", encoded(picture(0), "PNG"), "PNG", None),
    ("gif", encoded(picture(0), "GIF"), "GIF", None),
    ("entropy", broken, None, "damaged JPEG data"),
    ("truncated", whole[: len(whole) // 2], None, "truncated JPEG"),
    ("empty", b"", None, "empty file"),
    ("page", b"<!DOCTYPE html><p>404</p>", None, "web page (not read)"),
    ("missing", None, None, "missing file"),
    ("folder", None, None, "unreadable file"),
  ):
    label = len(tree.repaired) % num_classes
    path = f"google/q{2 * label + 1:04d}/{name} é.jpg"
    if content is not None:
      add(path, content)
    if name == "folder":
      (tree.root / path).mkdir()
    if name == "entropy":
      tree.damaged.append(path)
    if repair:
      tree.repaired[path] = repair
    if reason:
      tree.skipped[path] = reason
    lines.insert(len(lines) // 2, (path, label))
  tree.listed_twice.append(lines[1][0])
  lines.append(lines[1])


def main() -> None:
  """Writes a tree for the commands of the documentation."""
  parser = argparse.ArgumentParser(
    description="Writes images in the layout of WebVision 1.0."
  )
  parser.add_argument("root")
  parser.add_argument("--num_classes", type=int, default=60)
  parser.add_argument("--train_per_class", type=int, default=40)
  parser.add_argument("--val_per_class", type=int, default=5)
  parser.add_argument("--side", type=int, default=300)
  parser.add_argument("--wrong_labels", type=float, default=0.0)
  parser.add_argument("--seed", type=int, default=0)
  parser.add_argument("--cifar_dir", help="images of this archive, enlarged")
  parser.add_argument(
    "--imagenet_dir", help="also writes validation images of these classes"
  )
  arguments = vars(parser.parse_args())
  draw = class_picture
  if cifar_dir := arguments.pop("cifar_dir"):
    draw = cifar_picture(cifar_dir)
  if imagenet_dir := arguments.pop("imagenet_dir"):
    write_imagenet_folders(
      imagenet_dir,
      num_classes=arguments["num_classes"],
      images_per_class=arguments["val_per_class"],
      side=arguments["side"],
      draw=draw,
    )
  tree = write_webvision_tree(arguments.pop("root"), draw=draw, **arguments)
  for name, lines in tree.lists.items():
    print(f"{tree.root}/info/{name}.txt: {len(lines)} images")


if __name__ == "__main__":
  main()
