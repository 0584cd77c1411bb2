"""How fast the memory of training forgets; needs no Keras."""

from mentornet_tf.errors import UserError

# Of the averages, per visit. CifarNet on human labels ranked them best by it
# (docs/suspect_labels.md).
DECAY = 0.95


def check_decay(decay: float) -> float:
  """The decay of a memory, as a float.

  Raises:
    UserError: it is outside [0, 1).
  """
  if isinstance(decay, bool) or not 0 <= decay < 1:
    raise UserError(
      f"decay: expected a number in [0, 1), got {decay!r}; {DECAY} averages "
      "over some 20 visits"
    )
  return float(decay)
