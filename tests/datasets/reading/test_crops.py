import numpy as np
import pytest
import tensorflow as tf
from large_images import jpeg, texture

from mentornet_tf.datasets.reading import crops
from mentornet_tf.datasets.reading.crops import (
  Crop,
  evaluation_crop,
  training_crop,
)
from mentornet_tf.errors import UserError

SEED = tf.constant([3, 4], tf.int64)
# Of the range -1 to 1: 0.002 of 255 grey levels.
CLOSE = 0.002 / 127.5


def decoded(encoded):
  return tf.cast(tf.io.decode_image(encoded, channels=3), tf.float32)


def resized(image, shorter_side):
  """The whole image with its shorter side resized."""
  height, width = image.shape[:2]
  factor = shorter_side / min(height, width)
  size = [max(shorter_side, round(side * factor)) for side in (height, width)]
  return tf.image.resize(image, size, antialias=True).numpy()


def scaled(pixels):
  return np.asarray(pixels) / 127.5 - 1


def center(image, size):
  top, left = ((side - size) // 2 for side in image.shape[:2])
  return image[top : top + size, left : left + size]


@pytest.mark.parametrize(
  ("height", "width"), [(90, 131), (131, 90), (75, 75), (60, 200), (149, 140)]
)
@pytest.mark.parametrize("chroma", [True, False])
def test_evaluation_equals_resizing_and_cutting_the_whole(
  height, width, chroma
):
  encoded = jpeg(texture(height, width), chroma_downsampling=chroma)
  crop = Crop(size=64, shorter_side=75)
  expected = scaled(center(resized(decoded(encoded), 75), 64))
  got = evaluation_crop(tf.constant(encoded), crop)
  assert (got.shape, got.dtype) == ((64, 64, 3), tf.float32)
  np.testing.assert_allclose(got, expected, atol=CLOSE)


def test_a_random_crop_is_a_cut_of_the_resized_image(monkeypatch):
  """At the place, and mirrored as, the draws say."""
  encoded = jpeg(texture(120, 90))
  crop = Crop(size=64, shorter_side=75)
  whole = resized(decoded(encoded), 75)
  assert whole.shape == (100, 75, 3)
  places = set()
  for number in range(6):
    seed = tf.constant([0, number], tf.int64)
    got = training_crop(tf.constant(encoded), crop, seed, SEED + number)
    down, across = tf.random.stateless_uniform([2], seed).numpy()
    top, left = int(down * 37), int(across * 12)
    expected = whole[top : top + 64, left : left + 64]
    mirrored = bool(tf.random.stateless_uniform([], SEED + number) < 0.5)
    if mirrored:
      expected = expected[:, ::-1]
    np.testing.assert_allclose(got, scaled(expected), atol=CLOSE)
    places.add((top, left, mirrored))
  assert len({place[2] for place in places}) == 2
  assert len(places) == 6


def test_a_resized_crop_is_a_rectangle_of_the_image_resized():
  image = texture(140, 200)
  encoded = jpeg(image)
  pixels = decoded(encoded)
  crop = Crop(size=64, shorter_side=64, train_crop="resized", flip=False)
  for number in range(6):
    seed = tf.constant([0, number], tf.int64)
    got = training_crop(tf.constant(encoded), crop, seed, SEED)
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
      [140, 200, 3],
      [[[0.0, 0.0, 1.0, 1.0]]],
      seed,
      min_object_covered=0.0,
      aspect_ratio_range=(3 / 4, 4 / 3),
      area_range=(0.08, 1.0),
      max_attempts=10,
    )
    rectangle = tf.slice(pixels, begin, size)
    # Of whole pixels, so that both bounds are met to half of one.
    height, width = rectangle.shape[:2]
    assert 0.07 < height * width / (140 * 200) <= 1
    assert 0.72 < width / height < 1.4
    expected = tf.image.resize(rectangle, (64, 64), antialias=True)
    np.testing.assert_allclose(got, scaled(expected), atol=CLOSE)


def test_resized_crops_cover_the_documented_range():
  shape = tf.constant([300, 400])
  crop = Crop(size=64, shorter_side=64, train_crop="resized")
  areas, aspects = [], []
  for number in range(300):
    seed = tf.constant([1, number], tf.int64)
    placement = crops._random_rectangle(shape, crop, seed)
    top, left, bottom, right = placement.region.numpy()
    areas.append((bottom - top) * (right - left) / (300 * 400))
    aspects.append((right - left) / (bottom - top))
  assert 0.078 < min(areas) < 0.12 and max(areas) > 0.85
  assert 0.73 < min(aspects) < 0.78 and 1.27 < max(aspects) < 1.36


def test_crops_without_augmentation_are_those_of_evaluation():
  encoded = tf.constant(jpeg(texture(120, 90)))
  crop = Crop(size=64, shorter_side=75, train_crop="center", flip=False)
  np.testing.assert_array_equal(
    training_crop(encoded, crop, SEED, SEED), evaluation_crop(encoded, crop)
  )


@pytest.mark.parametrize(
  ("side", "ratio"), [(75, 1), (149, 1), (150, 2), (299, 2), (300, 4), (600, 8)]
)
def test_large_jpegs_are_decoded_small_but_never_too_small(side, ratio):
  """The reduced decoding takes nothing that the square could show."""
  scale = tf.constant([75 / side, 75 / side], tf.float32)
  choice = int(crops._ratio_choice(scale))
  assert crops._JPEG_RATIOS[choice] == ratio
  encoded = jpeg(texture(side, side + 51))
  crop = Crop(size=64, shorter_side=75)
  expected = scaled(center(resized(decoded(encoded), 75), 64))
  got = evaluation_crop(tf.constant(encoded), crop)
  grey_levels = 127.5 * np.abs(got - expected)
  assert grey_levels.max() < (0.002 if ratio == 1 else 16)
  assert grey_levels.mean() < (0.002 if ratio == 1 else 3)


def test_other_formats_and_grey_images_are_cut_alike():
  image = texture(100, 90)
  crop = Crop(size=64, shorter_side=75)
  png = evaluation_crop(tf.io.encode_png(image), crop)
  expected = scaled(center(resized(tf.cast(image, tf.float32), 75), 64))
  np.testing.assert_allclose(png, expected, atol=CLOSE)
  grey = tf.io.encode_jpeg(image[:, :, :1], quality=90)
  got = evaluation_crop(grey, crop)
  whole = resized(decoded(grey.numpy()), 75)
  np.testing.assert_allclose(got, scaled(center(whole, 64)), atol=CLOSE)
  np.testing.assert_array_equal(got[:, :, 0], got[:, :, 2])


def test_values_are_those_from_minus_one_to_one():
  crop = Crop(size=16, shorter_side=20)
  for value, expected in ((0, -1), (255, 1)):
    image = np.full((30, 40, 3), value, np.uint8)
    got = evaluation_crop(tf.io.encode_png(image), crop)
    np.testing.assert_allclose(got, np.full((16, 16, 3), expected), atol=1e-6)


@pytest.mark.parametrize(
  ("options", "words"),
  [
    ({"size": 0}, "^size, shorter_side: .* got 0 and 320"),
    ({"size": 299, "shorter_side": 298}, "got 299 and 298"),
    (
      {"train_crop": "middle"},
      "expected one of random, resized, center, got 'middle'",
    ),
  ],
)
def test_bad_crops(options, words):
  with pytest.raises(UserError, match=words):
    Crop(**options)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(
  ("height", "width"), [(90, 131), (131, 90), (75, 75), (60, 200)]
)
def test_squares_of_decoded_images_are_those_of_their_files(
  height, width, dtype
):
  encoded = [jpeg(texture(height, width, seed)) for seed in range(3)]
  crop = Crop(size=64, shorter_side=75)
  expected = np.stack([evaluation_crop(each, crop) for each in encoded])
  pixels = np.stack([decoded(each) for each in encoded]).astype(dtype)
  got = crops.evaluation_squares(pixels, crop)
  assert (got.shape, got.dtype) == ((3, 64, 64, 3), tf.float32)
  np.testing.assert_allclose(got, expected, atol=CLOSE)


def test_squares_of_images_that_files_decode_small_are_near():
  encoded = jpeg(texture(300, 351))
  crop = Crop(size=64, shorter_side=75)
  squares = crops.evaluation_squares(decoded(encoded)[tf.newaxis], crop)
  expected = scaled(center(resized(decoded(encoded), 75), 64))
  np.testing.assert_allclose(squares[0], expected, atol=CLOSE)
  grey_levels = 127.5 * np.abs(squares[0] - evaluation_crop(encoded, crop))
  assert grey_levels.max() < 16 and 0.002 < grey_levels.mean() < 3


def test_pixels_of_squares_are_the_nearest():
  pixels = np.arange(256, dtype=np.uint8)
  np.testing.assert_array_equal(crops.as_pixels(scaled(pixels)), pixels)
  near = tf.constant([-1.00001, 1.00001, 0.0038], tf.float32)
  np.testing.assert_array_equal(crops.as_pixels(near), [0, 255, 128])


def test_the_former_name_of_the_center_crop_still_works():
  with pytest.deprecated_call(match="now called 'center'"):
    crop = Crop(train_crop="centre")
  assert crop == Crop(train_crop="center")
