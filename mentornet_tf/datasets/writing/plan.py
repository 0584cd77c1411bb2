"""What the conversion of one shard needs to know, and where its files lie."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mentornet_tf.datasets.images.listing import ImageList, ImageReader
from mentornet_tf.datasets.records.shards import shard_name, shard_sizes


@dataclass(frozen=True)
class ConversionPlan:
  """A conversion in progress; small, since it goes to every worker.

  Attributes:
    output_dir: folder of the finished set.
    dataset_name: such as "webvision_mini".
    split: such as "train".
    num_images: how many are listed.
    num_shards: how many files they go to.
    reader: gives the images' bytes.
    shorter_side: pixels that larger images are reduced to; None keeps all.
    square_side: pixels of square PNGs that all images become, or None.
  """

  output_dir: Path
  dataset_name: str
  split: str
  num_images: int
  num_shards: int
  reader: ImageReader
  shorter_side: int | None = None
  square_side: int | None = None

  @property
  def work_dir(self) -> Path:
    """The folder of all that is not yet complete."""
    return self.output_dir / f"{self.dataset_name}_{self.split}.work"

  @property
  def settings_path(self) -> Path:
    """What is being converted, to be compared when the work goes on."""
    return self.work_dir / "settings.json"

  @property
  def lock_path(self) -> Path:
    """Held by the one process that converts."""
    return self.work_dir / "lock"

  def images(self) -> ImageList:
    """All images in the order of the records."""
    return ImageList.load(self.work_dir)

  def rows(self, index: int) -> range:
    """The rows of `images` that go to a shard."""
    sizes = shard_sizes(self.num_images, self.num_shards)
    first = sum(sizes[:index])
    return range(first, first + sizes[index])

  def shard_name(self, index: int) -> str:
    """The file name of a shard, in the work folder and in the finished set."""
    return shard_name(self.dataset_name, self.split, index, self.num_shards)

  def shard_path(self, index: int) -> Path:
    """A converted shard before it is put in its place."""
    return self.work_dir / self.shard_name(index)

  def report_path(self, index: int) -> Path:
    """The report of a converted shard; where it is, the shard is complete."""
    return self.work_dir / f"{self.shard_name(index)}.json"

  def failure_path(self, index: int) -> Path:
    """Why a shard cannot be converted, told by a worker far away."""
    return self.work_dir / f"{self.shard_name(index)}.failure"

  def read_report(self, index: int) -> dict[str, Any] | None:
    """The report of a shard, None where the shard is not converted yet."""
    try:
      text = self.report_path(index).read_text(encoding="utf-8")
    except FileNotFoundError:
      return None
    return json.loads(text)
