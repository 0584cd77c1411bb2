"""Names of record sets as users write them."""

from collections.abc import Sequence
from dataclasses import dataclass

from mentornet_tf.errors import UserError


@dataclass(frozen=True)
class SetName:
  """Where a record set is found.

  Attributes:
    data_dir: folder of its shards.
    dataset_name: name in the shards' file names.
    split: likewise.
  """

  data_dir: str
  dataset_name: str
  split: str

  def __str__(self) -> str:
    return f"{self.dataset_name}_{self.split}"


def parse_set_names(texts: Sequence[str], data_dir: str) -> list[SetName]:
  """Reads names of the form `[folder/]dataset:split`.

  Args:
    texts: for instance ["webvision_mini:val", "records/other/imagenet:val"].
    data_dir: the folder of those without one.

  Raises:
    UserError: one is not of that form, or two name the same data and split.
  """
  names = []
  for text in texts:
    place, _, split = text.strip().rpartition(":")
    folder, slash, dataset_name = place.rpartition("/")
    if not dataset_name or not split or "/" in split:
      raise UserError(
        "eval_sets: expected names like webvision_mini:val or "
        f"folder/imagenet_mini:val, got {text!r}; write dataset:split"
      )
    # A folder that is named by the slash alone is the topmost one.
    folder = (folder or slash) if slash else data_dir
    names.append(SetName(folder, dataset_name, split))
  titles = [str(name) for name in names]
  twice = sorted({title for title in titles if titles.count(title) > 1})
  if twice:
    raise UserError(
      f"eval_sets: expected each data set and split once, got {twice[0]} more "
      "often; leave out the others"
    )
  return names
