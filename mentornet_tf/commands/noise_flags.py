"""Flags for noise on the labels of a training split."""

from collections.abc import Sequence

from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.datasets.labels.noise import RATE_KINDS

# Parameters of `LabelNoise` that messages name, each with its flag.
PARAMETER_FLAGS = {
  "kind": "noise",
  "matrix": "noise_matrix",
  "rate": "noise_rate",
}


def define_flags(kinds: Sequence[str], noise_help: str) -> None:
  """Defines --noise, one of `kinds`, --noise_rate and --noise_matrix."""
  flags.DEFINE_enum("noise", "none", kinds, noise_help)
  with_rate = ", ".join(kind for kind in kinds if kind in RATE_KINDS)
  flags.DEFINE_float(
    "noise_rate",
    None,
    f"Probability that a label is drawn anew ({with_rate}); 0.4 if unset.",
    lower_bound=0,
    upper_bound=1,
  )
  flags.DEFINE_string(
    "noise_matrix",
    None,
    "For --noise=matrix: a .npy, .csv or .txt file of KxK probabilities, row = "
    "clean class.",
  )
  command_line.require_finite("noise_rate")
