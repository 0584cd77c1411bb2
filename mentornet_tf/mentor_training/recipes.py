"""How a mentor is trained: the original's recipe, and one that converges."""

from dataclasses import dataclass

import numpy as np

from mentornet_tf.errors import UserError

LOSSES = ("auto", "cross_entropy", "squared_error")
SCHEDULES = ("cosine", "staircase")


@dataclass(frozen=True, kw_only=True)
class MentorRecipe:
  """Settings of one training; the defaults fit every known curriculum.

  Attributes:
    steps: optimizer steps.
    batch_size: examples per step.
    learning_rate: the highest rate of Adam (β 0.9 and 0.999, ε 1e-8).
    schedule: "cosine" rises linearly for `warmup_steps` and then falls to 0
      along half a cosine; "staircase" multiplies by 0.9 every `decay_steps`.
    warmup_steps: see above.
    decay_steps: see above.
    clip_norm: largest global norm of a gradient, or None. For an embedding the
      norm is taken over the rows that the examples of a batch contribute,
      before they are summed (golden `mentor_training`).
    loss: "cross_entropy" on the logits, "squared_error" of the weight, or
      "auto", as in the original: the former if the targets are exactly 0 and 1.
    train_epoch_embedding: whether MentorNet's epoch table is trained, too.
    compile_steps: whether XLA compiles the steps: faster steps after seconds of
      compilation, which pays from about ten thousand steps.
  """

  steps: int = 3000
  batch_size: int = 256
  learning_rate: float = 0.1
  schedule: str = "cosine"
  warmup_steps: int = 100
  decay_steps: int = 1000
  clip_norm: float | None = None
  loss: str = "cross_entropy"
  train_epoch_embedding: bool = True
  compile_steps: bool = False

  def __post_init__(self):
    for name in ("steps", "batch_size", "decay_steps"):
      _check(name, getattr(self, name) >= 1, "a whole number >= 1", self)
    _check("warmup_steps", self.warmup_steps >= 0, "a number >= 0", self)
    rate_holds = 0 < self.learning_rate < np.inf
    _check("learning_rate", rate_holds, "a finite number > 0", self)
    norm_holds = self.clip_norm is None or self.clip_norm > 0
    _check("clip_norm", norm_holds, "a number > 0 or None", self)
    _check("loss", self.loss in LOSSES, " or ".join(LOSSES), self)
    schedules = " or ".join(SCHEDULES)
    _check("schedule", self.schedule in SCHEDULES, schedules, self)

  def learning_rates(self, first_step: int, count: int) -> np.ndarray:
    """[count] float32 rates of the steps from `first_step` (from 0) on."""
    step = np.arange(first_step, first_step + count)
    if self.schedule == "staircase":
      rates = self.learning_rate * 0.9 ** (step // self.decay_steps)
    else:
      progress = np.minimum(step / self.steps, 1.0)
      rates = self.learning_rate * 0.5 * (1 + np.cos(np.pi * progress))
      if self.warmup_steps:
        rates *= np.minimum((step + 1) / self.warmup_steps, 1.0)
    return rates.astype(np.float32)

  def loss_kind(self, binary: bool) -> str:
    """Names the loss for targets that are binary or not."""
    if self.loss != "auto":
      return self.loss
    return "cross_entropy" if binary else "squared_error"


def original_recipe(
  *,
  learning_rate: float = 0.1,
  steps: int = 30_000,
  batch_size: int = 32,
) -> MentorRecipe:
  """The original code's recipe (golden `mentor_training`).

  It collapses for some seeds: two of three recorded runs of mentornet_pd ended
  with a squared error of about 0.1.
  """
  return MentorRecipe(
    steps=steps,
    batch_size=batch_size,
    learning_rate=learning_rate,
    schedule="staircase",
    decay_steps=1000,
    clip_norm=5.0,
    loss="auto",
    train_epoch_embedding=False,
    compile_steps=True,
  )


def _check(name: str, holds: bool, expected: str, recipe: MentorRecipe) -> None:
  if not holds:
    raise UserError(
      f"{name}: expected {expected}, got {getattr(recipe, name)!r}"
    )
