import io

import image_files
import numpy as np
import pytest
from image_files import encoded, jpeg, picture
from PIL import Image

from mentornet_tf.datasets.images.decoding import (
  UnusableImageError,
  UsableImage,
  square_image,
)


def square_pixels(image: UsableImage) -> np.ndarray:
  with Image.open(io.BytesIO(image.data)) as reread:
    assert (reread.format, reread.mode) == ("PNG", "RGB")
    return np.asarray(reread).astype(int)


@pytest.mark.parametrize(
  "make", [jpeg, image_files.cmyk_jpeg, lambda: encoded(picture(), "PNG")]
)
@pytest.mark.parametrize("side", [16, 48, 96])
def test_squares_are_the_middle_of_the_picture(make, side):
  image = square_image(make(), side)
  assert (image.format, image.height, image.width) == ("png", side, side)
  left = side // 6
  expected = np.asarray(picture(side, side * 4 // 3))[:, left : left + side]
  assert np.abs(square_pixels(image) - expected).max() <= 8


def test_squares_of_the_right_size_keep_every_pixel():
  original = picture(32, 32)
  image = square_image(encoded(original, "PNG"), 32)
  np.testing.assert_array_equal(square_pixels(image), np.asarray(original))
  assert image.repair is None
  # Of an upright one, rows are cut off.
  tall = square_image(encoded(picture(40, 32), "PNG"), 32)
  np.testing.assert_array_equal(
    square_pixels(tall), np.asarray(picture(40, 32))[4:36]
  )


def test_squares_tell_repairs_and_unusable_files():
  assert square_image(image_files.cmyk_jpeg(), 8).repair == "CMYK JPEG"
  assert square_image(jpeg(), 8).repair is None
  for data, reason in ((jpeg()[:-10], "truncated JPEG"), (b"", "empty file")):
    with pytest.raises(UnusableImageError, match=f"^{reason}$"):
      square_image(data, 8)
