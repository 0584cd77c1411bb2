"""What the conversion of a shard needs to know, and where its files lie."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mentornet_tf.datasets.images.listing import ImageList, ImageReader
from mentornet_tf.datasets.images.raw_images import RAW_FORMAT
from mentornet_tf.datasets.records.shards import shard_name, shard_sizes
from mentornet_tf.datasets.writing.staging import StagedSet
from mentornet_tf.internal.json_files import read_json

# How records hold images: as files, or as their pixels.
ENCODED = "encoded"
STORES = (ENCODED, RAW_FORMAT)


@dataclass(frozen=True)
class ConversionPlan(StagedSet):
  """A conversion in progress; small, since it goes to every worker.

  Attributes:
    num_images: how many are listed.
    num_shards: how many files they go to.
    reader: gives the images' bytes.
    shorter_side: pixels that larger images are reduced to; None keeps all.
    square_side: pixels of square PNGs that all images become, or None.
    decode: whether JPEGs are searched for damage within their data.
    exif_orientation: whether pictures are turned upright.
    store: one of `STORES`.
  """

  num_images: int
  num_shards: int
  reader: ImageReader
  shorter_side: int | None = None
  square_side: int | None = None
  decode: bool = True
  exif_orientation: bool = False
  store: str = ENCODED

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

  def shard_names(self) -> list[str]:
    """The file names of all shards, in order."""
    return [self.shard_name(index) for index in range(self.num_shards)]

  def shard_path(self, index: int) -> Path:
    """A converted shard before it is published."""
    return self.work_dir / self.shard_name(index)

  def report_path(self, index: int) -> Path:
    """The report of a converted shard; where it is, the shard is complete."""
    return self.work_dir / f"{self.shard_name(index)}.json"

  def failure_path(self, index: int) -> Path:
    """The error reported by a remote worker that cannot convert a shard."""
    return self.work_dir / f"{self.shard_name(index)}.failure"

  def read_report(self, index: int) -> dict[str, Any]:
    """The report of a converted shard.

    Raises:
      UserError: it is missing or damaged.
    """
    return read_json(
      self.report_path(index),
      written_by="the conversion of a shard",
      advice="remove it to convert the shard again",
    )

  def missing_shards(self) -> list[int]:
    """The shards that are still to be converted."""
    return [
      index for index in range(self.num_shards) if not self._is_complete(index)
    ]

  def _is_complete(self, index: int) -> bool:
    """Whether the shard is as its report says, here or published already."""
    if not self.report_path(index).exists():
      return False
    path = self.shard_path(index)
    if not path.exists():
      path = self.output_dir / self.shard_name(index)
    written = self.read_report(index).get("bytes")
    return path.exists() and path.stat().st_size == written

  def remove_partial_files(self) -> None:
    """Removes what killed workers have left half-written."""
    for path in self.work_dir.glob(".partial-*"):
      path.unlink(missing_ok=True)
