"""JPEGs with damaged data are skipped where they are encoded anew, too."""

import numpy as np
import pytest
from image_files import jpeg
from PIL import Image

from mentornet_tf.datasets.images.decoding import (
  UnusableImageError,
  square_image,
)
from mentornet_tf.datasets.images.jpeg_damage import REFUSED, JpegCheck
from mentornet_tf.datasets.trees.folders import find_image_folders
from mentornet_tf.datasets.trees.splits import split_own_images
from mentornet_tf.datasets.writing.conversion import ConversionRequest, convert


def is_taken_by_pillow(data: bytes) -> bool:
  try:
    square_image(data, 16)
  except UnusableImageError:
    return False
  return True


@pytest.fixture(scope="module")
def damaged() -> bytes:
  """A JPEG that Pillow reduces without a word and the decoder refuses."""
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 256, (100, 120, 3), np.uint8)
  sound = jpeg(Image.fromarray(pixels), quality=85)
  with JpegCheck() as check:
    for place in rng.integers(len(sound) // 3, len(sound) - 300, 1000):
      data = sound[:place] + rng.bytes(200) + sound[place + 200 :]
      if check.damage(data) == REFUSED and is_taken_by_pillow(data):
        return data
  raise AssertionError("no such file")


@pytest.mark.parametrize(
  "size", [{}, {"shorter_side": 16}, {"square_side": 16}]
)
def test_no_half_grey_picture_is_written(tmp_path, damaged, size):
  sound = jpeg()
  for name, data in (("a/1", sound), ("b/1", sound), ("b/2", damaged)):
    path = tmp_path / "images" / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
  listed = split_own_images(find_image_folders(tmp_path / "images"), "own")
  request = ConversionRequest(
    tmp_path / "records", "own", "train", listed["train"], **size
  )
  images = convert(request).summary["images"]
  assert images["skipped"] == {"damaged JPEG": 1}
  assert images["kept"] == 2
