"""What is known of the clean labels of Controlled Noisy Web Labels."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mentornet_tf.datasets.labels.clean_labels import KNOWN_WRONG, UNKNOWN
from mentornet_tf.datasets.labels.noise import describe_measured_noise
from mentornet_tf.datasets.trees.mini_imagenet_classes import WORDNET_IDS
from mentornet_tf.datasets.trees.published_counts import Published
from mentornet_tf.errors import UserError

# Images of each training split; what is left out has the usual number.
_USUAL_COUNTS = {"red": 50_000, "blue": 60_000}
_COUNTS = {
  ("red", "0.3"): 49_985,
  ("red", "0.4"): 50_010,
  ("red", "0.5"): 49_962,
  ("red", "0.8"): 50_008,
}
_NUM_VALIDATION = 5_000

_ID = "image/id"
_LABEL = "image/class/label"
_IS_CLEAN = "image/class/label/is_clean"

_LABEL_OF = {each: label for label, each in enumerate(WORDNET_IDS)}
_WORDNET_ID_LENGTH = 9


@dataclass(frozen=True)
class Annotations:
  """What annotators said of images from the web.

  Attributes:
    path: the file they come from.
    found: image id -> (label, whether the image shows its class); None in
      place of a pair where entries contradict each other.
  """

  path: Path
  found: dict[str, tuple[int | None, bool] | None]

  @classmethod
  def read(cls, path: str | Path) -> "Annotations":
    """Reads a file such as mini-imagenet-annotations.json.

    Raises:
      UserError: it is of another form.
    """
    path = Path(path)
    found: dict[str, tuple[int | None, bool] | None] = {}
    try:
      content = json.loads(path.read_text(encoding="utf-8-sig"))
      for entry in content["data"]:
        for each in entry if isinstance(entry, list) else [entry]:
          fact = each.get(_LABEL), bool(each[_IS_CLEAN])
          identity = str(each[_ID])
          if found.setdefault(identity, fact) != fact:
            found[identity] = None
    except (
      AttributeError,
      KeyError,
      RecursionError,
      TypeError,
      ValueError,
    ) as error:
      raise UserError(
        f"{path}: expected JSON whose 'data' lists images with {_ID} and "
        f"{_IS_CLEAN}, got something else ({type(error).__name__}: "
        f"{str(error)[:80]}); get the file again"
      ) from error
    return cls(path, found)

  def is_clean(self, identity: str, label: int) -> bool | None:
    """Whether the image shows the class of its label; None if not known."""
    fact = self.found.get(identity)
    if fact is None or fact[0] not in (None, label):
      return None
    return fact[1]

  def counts(self, unknown: Iterable[str]) -> dict[str, int]:
    """Why nothing is known of images.

    Args:
      unknown: their ids.

    Returns:
      "unmatched": how many have no annotation; "contradicting": how many have
      some for another label, or contradicting ones.
    """
    listed = [identity in self.found for identity in unknown]
    return {
      "contradicting": sum(listed),
      "unmatched": len(listed) - sum(listed),
    }


def clean_label(identity: str, label: int, is_clean: bool | None) -> int:
  """The clean label of a training image.

  Args:
    identity: its name without ending. Those of ImageNet's images begin with
      the WordNet id of their class, which is their clean label.
    label: the label to train on.
    is_clean: whether that is right, None if not known.
  """
  own = _LABEL_OF.get(identity[:_WORDNET_ID_LENGTH])
  if own is not None:
    return own
  if is_clean is None:
    return UNKNOWN
  return label if is_clean else KNOWN_WRONG


def noise_fields(
  color: str | None, labels: Sequence[int], clean: Sequence[int]
) -> dict[str, Any]:
  """What a summary says of the noise.

  Args:
    color: "red" or "blue"; None for the validation images.
    labels: [N] labels to train on.
    clean: [N] clean labels.
  """
  kinds = {"red": "web", "blue": "symmetric", None: "none"}
  return {"kind": kinds[color]} | describe_measured_noise(
    np.array(labels, np.int64), np.array(clean, np.int64)
  )


def published(color: str, noise_level: str) -> Published:
  """What was published of Mini-ImageNet with this noise."""
  return Published(
    f"{color.capitalize()} Mini-ImageNet with the noise level {noise_level}",
    "Jiang et al., ICML 2020, as TensorFlow Datasets counts them",
    {
      "train": _COUNTS.get((color, noise_level), _USUAL_COUNTS[color]),
      "val": _NUM_VALIDATION,
    },
    {"train": float(noise_level)},
  )


def describe_annotations(counts: dict[str, int] | None) -> str | None:
  """One line on images of which annotators say nothing; None without any."""
  if not counts or not any(counts.values()):
    return None
  total = counts["unmatched"] + counts["contradicting"]
  return (
    f"the clean labels of {total} images are unknown: "
    f"{counts['unmatched']} have no annotation, {counts['contradicting']} one "
    "for another label"
  )
