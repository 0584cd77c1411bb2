"""The text form of example dropout: one rate for each epoch.

Needs no TensorFlow, so that a command line can check its flag at once.
"""

from collections.abc import Sequence

from mentornet_tf.errors import UserError

NUM_EPOCHS = 100  # training time is counted in percent, 0..99


def parse_example_dropout_rates(
  text: str | Sequence[float], name: str = "example_dropout_rates"
) -> list[float]:
  """Expands "rate, epochs, rate, epochs, …" to one rate per epoch.

  Args:
    text: rates in [0, 1], each followed by the whole number of epochs it holds
      for, as text or as a sequence of numbers; the epochs sum to 100.
    name: what messages call the text, for instance the flag it came from.

  Returns:
    100 rates. Source: golden `dropout_counts` (`parsed`, `rejected`).

  Raises:
    UserError: naming the part that is wrong, or the sum that was found.
  """
  if isinstance(text, Sequence) and not isinstance(text, str):
    text = ", ".join(map(str, text))
  expected = (
    f'{name}: expected "rate, epochs, rate, epochs, …" with rates in 0..1 and '
    "whole epochs that sum to 100"
  )
  if not isinstance(text, str):
    raise UserError(f"{expected}, got {text!r}")
  parts = [part.strip() for part in text.split(",")]
  if len(parts) % 2:
    raise UserError(f"{expected}, got {text!r} with {len(parts)} entries")
  rates = []
  for rate_text, epochs_text in zip(parts[::2], parts[1::2], strict=True):
    try:
      rate, epochs = float(rate_text), int(epochs_text)
    except ValueError:
      raise UserError(
        f"{expected}, got {rate_text!r}, {epochs_text!r} in {text!r}"
      ) from None
    if not 0.0 <= rate <= 1.0:
      raise UserError(f"{expected}, got the rate {rate} in {text!r}")
    if epochs < 0:
      raise UserError(f"{expected}, got {epochs} epochs in {text!r}")
    rates += [rate] * epochs
  if len(rates) != NUM_EPOCHS:
    raise UserError(f"{expected}, got the sum {len(rates)} in {text!r}")
  return rates
