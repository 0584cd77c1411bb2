"""Small trees in the layouts of ANIMAL-10N, CNWL and Tiny-ImageNet."""

import json
from pathlib import Path

import numpy as np
from webvision_tree import class_picture, encoded

from mentornet_tf.datasets.trees.mini_imagenet_classes import WORDNET_IDS

SIDE = 16


def image(label: int, seed: int = 0, side: int = SIDE) -> bytes:
  rng = np.random.default_rng(1000 * label + seed)
  return encoded(class_picture(label, rng, side, side))


def write(path: Path, content: bytes) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(content)


def write_animal10n(root: Path, per_class: int = 3) -> Path:
  """training/<label>_<number>.jpg, and one test image of each class."""
  for label in range(10):
    for number in range(per_class):
      write(root / "training" / f"{label}_{number}.jpg", image(label, number))
    write(root / "testing" / f"{label}_9.jpg", image(label, 9))
  return root


TINY_CLASSES = ("n03000003", "n01000001", "n02000002")
# Name and label of each line of val_annotations.txt.
TINY_VAL = (("val_1.JPEG", 2), ("val_0.JPEG", 0), ("val_2.JPEG", 1))


def write_tiny_imagenet(root: Path, per_class: int = 4) -> Path:
  """As the archive unpacks, test images without labels included."""
  for label, wordnet_id in enumerate(TINY_CLASSES):
    for number in range(per_class):
      name = f"{wordnet_id}_{number}.JPEG"
      write(root / "train" / wordnet_id / "images" / name, image(label, number))
    boxes = f"{wordnet_id}_0.JPEG\t0\t0\t9\t9\n"
    (root / "train" / wordnet_id / f"{wordnet_id}_boxes.txt").write_text(boxes)
  lines = []
  for name, label in TINY_VAL:
    write(root / "val" / "images" / name, image(label, 99))
    lines.append(f"{name}\t{TINY_CLASSES[label]}\t0\t32\t44\t62\n")
  (root / "val" / "val_annotations.txt").write_text("".join(lines))
  write(root / "test" / "images" / "test_0.JPEG", image(0))
  (root / "wnids.txt").write_text("\n".join(TINY_CLASSES) + "\n")
  (root / "words.txt").write_text(
    "n00000001\tentity\nn01000001\tgoldfish, Carassius auratus\n"
    "n03000003\tcannon\n"
  )
  return root


# Of CNWL's list red_noise_nl_0.4: name, label, and what the annotations say:
# True, False, None for no annotation, or "other" for one of another label.
WEB = (
  ("5922767e5677aef4", 0, False),
  ("00aa", 1, True),
  ("00bb", 2, False),
  ("00cc", 1, None),
  ("00dd", 0, "other"),
)


def imagenet_name(label: int, number: int) -> str:
  return f"{WORDNET_IDS[label]}{number:08d}"


# Name, label and clean class of images that come from ImageNet.
FROM_IMAGENET = tuple(
  (imagenet_name(label, number), label, label)
  for number in range(5)
  for label in range(3)
)
# Blue noise changes labels of such images.
CHANGED = (
  (imagenet_name(0, 7), 2, 0),
  (imagenet_name(2, 7), 1, 2),
)
VALIDATION = tuple(
  (f"ILSVRC2012_val_{number:08d}", number % 3) for number in range(1, 7)
)


def write_cnwl(root: Path) -> Path:
  """dataset_no_images/ as its zip has it, and images where TFDS wants them."""
  base = root / "mini-imagenet"
  split = base / "split"
  split.mkdir(parents=True)
  red = [(name, label) for name, label, _ in (*FROM_IMAGENET, *WEB)]
  blue = [(name, label) for name, label, _ in (*FROM_IMAGENET, *CHANGED)]
  for name, lines in (
    ("red_noise_nl_0.4", red),
    ("blue_noise_nl_0.4", blue),
    ("clean_validation", VALIDATION),
  ):
    (split / name).write_text("".join(f"{n}.jpg {k}\n" for n, k in lines))
  entries = [
    [
      {
        "image/id": name,
        "image/uri": f"http://example.org/{name}",
        "image/class/label": label + 1 if fact == "other" else label,
        "image/class/label/is_clean": int(fact is True),
      }
    ]
    for name, label, fact in (*WEB, ("ffff", 7, True))
    if fact is not None
  ]
  (root / "mini-imagenet-annotations.json").write_text(
    json.dumps({"data": entries})
  )
  for name, label, _ in WEB:
    write(root / "noisy_images" / f"{name}.jpg", image(label, 50))
  for name, _, clean in (*FROM_IMAGENET, *CHANGED):
    write(base / "all_images" / f"{name}.jpg", image(clean, int(name[9:])))
  for name, label in VALIDATION:
    write(root / "validation" / f"{name}.JPEG", image(label, 60))
  return root


def write_cnwl_tfds(folder: Path, file_format: str = "tfrecord") -> Path:
  """As TensorFlow Datasets prepares the red and the blue configuration."""
  import tensorflow_datasets as tfds

  def rows(listed):
    return [
      (
        name,
        {
          "id": name,
          "image": files[name],
          "label": label,
          "is_clean": is_clean,
        },
      )
      for name, label, is_clean in listed
    ]

  files = {}
  for name, label in (
    *((name, label) for name, label, _ in WEB),
    *((name, clean) for name, _, clean in (*FROM_IMAGENET, *CHANGED)),
    *VALIDATION,
  ):
    files[name] = str(folder / "files" / f"{name}.jpg")
    write(Path(files[name]), image(label))
  own = [(name, label, True) for name, label, _ in FROM_IMAGENET]
  noisy = {
    "red": [(name, label, False) for name, label, _ in WEB],
    "blue": [(name, label, False) for name, label, _ in CHANGED],
  }
  validation = [(name, label, True) for name, label in VALIDATION]
  for color, changed in noisy.items():
    tfds.dataset_builders.store_as_tfds_dataset(
      "controlled_noisy_web_labels",
      "1.0.0",
      tfds.features.FeaturesDict(
        {
          "image": tfds.features.Image(),
          "label": tfds.features.ClassLabel(num_classes=100),
          "is_clean": np.bool_,
          "id": tfds.features.Text(),
        }
      ),
      {"train_40": rows(own + changed), "validation": rows(validation)},
      config=f"mini_imagenet_{color}",
      data_dir=folder,
      file_format=file_format,
    )
  return folder
