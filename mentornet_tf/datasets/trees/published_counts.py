"""What was published of a data set's size and noise, compared with a copy."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Published:
  """The size and the noise of a data set by those who made it.

  Attributes:
    name: of the set, such as "Clothing1M".
    source: who says so, such as "Xiao et al., CVPR 2015".
    counts: split -> number of images.
    noise_rates: split -> share of the checked labels that are noisy.
    tolerance: how far a copy's noise rate may be from the published one, which
      is rounded or estimated.
  """

  name: str
  source: str
  counts: Mapping[str, int]
  noise_rates: Mapping[str, float] = field(default_factory=dict)
  tolerance: float = 0.01

  def differences(
    self, split: str, num_images: int, noise_rate: float | None = None
  ) -> tuple[str, ...]:
    """A line for each number of a copy that is not the published one.

    A copy may differ for good reasons, so that these are warnings.

    Args:
      split: such as "train"; nothing may be known of it.
      num_images: how many images the copy lists.
      noise_rate: share of the checked labels that are noisy, None where none
        is checked.
    """
    lines = []
    count = self.counts.get(split)
    if count is not None and num_images != count:
      lines.append(
        f"expected {count:,} images in the {split} split of {self.name} as "
        f"published ({self.source}), got {num_images:,}"
      )
    rate = self.noise_rates.get(split)
    if rate is None or noise_rate is None:
      return tuple(lines)
    if abs(noise_rate - rate) > self.tolerance:
      lines.append(
        f"expected {100 * rate:.1f} % of the checked labels of the {split} "
        f"split of {self.name} to be noisy as published ({self.source}), got "
        f"{100 * noise_rate:.1f} %"
      )
    return tuple(lines)
