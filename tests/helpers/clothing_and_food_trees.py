"""Small trees in the layouts of Clothing1M, Food-101N and Food-101."""

from pathlib import Path

import numpy as np
from image_files import jpeg
from PIL import Image

FOOD_CLASSES = ("apple_pie", "hot_and_sour_soup", "sushi")
# Key -> noisy label, and key -> clean label; the last two have both.
CLOTHING_NOISY = {f"images/0/{k}/0,{k}.jpg": k % 14 for k in range(16)}
CLOTHING_CLEAN = {
  **{f"images/1/{k}/1,{k}.jpg": k for k in range(9)},
  "images/0/14/0,14.jpg": 0,
  "images/0/15/0,15.jpg": 5,
}
CLOTHING_SPLITS = {"clean_train": 3, "clean_val": 3, "clean_test": 3}


def _write_image(path: Path, label: int, number: int) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  pixels = np.random.default_rng([label, number]).integers(0, 90, (20, 24, 3))
  pixels[:, :, label % 3] += 120
  path.write_bytes(jpeg(Image.fromarray(pixels.astype(np.uint8))))


def _write_lines(path: Path, lines) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_clothing1m(root: Path, lists: str = "annotations") -> Path:
  """A tree whose lists lie in the folder of that name below it."""
  for number, (key, label) in enumerate(
    (CLOTHING_CLEAN | CLOTHING_NOISY).items()
  ):
    _write_image(root / key, label, number)
  folder = root / lists
  _write_lines(folder / "noisy_train_key_list.txt", CLOTHING_NOISY)
  clean = iter(CLOTHING_CLEAN)
  for split, count in CLOTHING_SPLITS.items():
    keys = [next(clean) for _ in range(count)]
    _write_lines(folder / f"{split}_key_list.txt", keys)
  for name, labels in (("noisy", CLOTHING_NOISY), ("clean", CLOTHING_CLEAN)):
    lines = (f"{key} {label}" for key, label in labels.items())
    _write_lines(folder / f"{name}_label_kv.txt", lines)
  return root


def food_keys() -> list[str]:
  """As imagelist.tsv lists them, the classes in turn."""
  return [f"{FOOD_CLASSES[k % 3]}/{k:032x}.jpg" for k in range(12)]


def write_food101n(root: Path) -> Path:
  """Images 0 to 3 are verified as right, 4 to 6 as wrong, the others not."""
  keys = food_keys()
  for number, key in enumerate(keys):
    _write_image(root / "images" / key, number % 3, number)
  meta = root / "meta"
  _write_lines(meta / "classes.txt", ["class_name", *FOOD_CLASSES])
  _write_lines(meta / "imagelist.tsv", ["class_name/key", *keys])
  header = "class_name/key\tverification_label"
  train = (f"{key}\t{int(k < 4)}" for k, key in enumerate(keys[:5]))
  val = (f"{key}\t0" for key in keys[5:7])
  _write_lines(meta / "verified_train.tsv", [header, *train])
  _write_lines(meta / "verified_val.tsv", [header, *val])
  return root


def write_food101(root: Path) -> Path:
  """Two test images of each class, listed by class in another order."""
  keys = [f"{name}/{n}" for name in reversed(FOOD_CLASSES) for n in (7, 8)]
  for number, key in enumerate(keys):
    label = FOOD_CLASSES.index(key.split("/")[0])
    _write_image(root / "images" / f"{key}.jpg", label, 100 + number)
  _write_lines(root / "meta" / "test.txt", keys)
  return root
