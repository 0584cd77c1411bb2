"""Checks of options that several student builders take."""

import zlib

from mentornet_tf.errors import UserError


def check_integer(name: str, value: int, at_least: int) -> None:
  """Raises UserError unless `value` is an integer >= `at_least`."""
  if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
    raise UserError(
      f"{name}: expected an integer >= {at_least}, got {value!r}; give a whole "
      "number in that range"
    )


def check_number(name: str, value: float, low: float, high: float) -> None:
  """Raises UserError unless `value` is a number in [`low`, `high`]."""
  if (
    isinstance(value, bool)
    or not isinstance(value, (int, float))
    or not low <= value <= high
  ):
    raise UserError(
      f"{name}: expected a number in [{low:g}, {high:g}], got {value!r}; give "
      "one in that range"
    )


def check_integers(name: str, values: tuple[int, ...], length: int) -> None:
  """Raises UserError unless `values` holds `length` integers >= 1."""
  if (
    not isinstance(values, (tuple, list))
    or len(values) != length
    or any(
      isinstance(v, bool) or not isinstance(v, int) or v < 1 for v in values
    )
  ):
    raise UserError(
      f"{name}: expected {length} integers >= 1, got {values!r}; give them as "
      "a tuple"
    )


def check_seed(seed: int | None) -> None:
  """Raises UserError unless `seed` is None or an integer >= 0."""
  if seed is not None:
    check_integer("seed", seed, at_least=0)


def layer_seed(seed: int | None, layer_name: str) -> int | None:
  """A seed for one layer, so that layers of one shape differ in their values.

  None stays None: the layer then uses Keras' own seed
  (`keras.utils.set_random_seed`).
  """
  if seed is None:
    return None
  # Names had dots in version 0.1, whose seeds still give the same weights.
  name = layer_name.replace("-", ".")
  return zlib.crc32(f"{seed}/{name}".encode()) & 0x7FFFFFFF


def check_keep_probability(value: float) -> None:
  """Raises UserError unless 0 < `value` <= 1."""
  check_number("dropout_keep_probability", value, 0, 1)
  if value == 0:
    raise UserError(
      "dropout_keep_probability: expected more than 0, got 0, which would drop "
      "everything; 1 disables dropout"
    )


def check_image_shape(
  input_shape: tuple[int, int, int], side_at_least: int
) -> None:
  """Raises UserError unless `input_shape` is (height, width, channels)."""
  check_integers("input_shape", input_shape, length=3)
  if min(input_shape[:2]) < side_at_least:
    raise UserError(
      f"input_shape: expected sides of at least {side_at_least} pixels, got "
      f"{tuple(input_shape)!r}; use larger images or another student"
    )


def check_channels(input_shape: tuple[int, int, int], channels: int) -> None:
  """Raises UserError unless images have `channels` channels."""
  if input_shape[2] != channels:
    raise UserError(
      f"input_shape: expected {channels} channels, got {tuple(input_shape)!r}; "
      "use color images or another student"
    )
