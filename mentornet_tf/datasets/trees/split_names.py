"""The splits of a data set, as people name them."""

# The record set's split by the usual names, in lower case.
_SPLITS = {
  "train": "train",
  "training": "train",
  "val": "val",
  "valid": "val",
  "validation": "val",
  "dev": "val",
  "test": "test",
  "testing": "test",
}

# Splits in the order in which they are written.
SPLITS = ("train", "val", "test")


def split_of(name: str) -> str | None:
  """The split that a folder's or a table's word means, None for another word.

  Capitals do not matter: "Validation" is the split "val".
  """
  return _SPLITS.get(name.strip().lower())
