"""How a run goes about its work, apart from the settings of its numbers."""

import dataclasses

from mentornet_tf.errors import UserError
from mentornet_tf.internal.setting_fields import SettingsGroup, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions(SettingsGroup):
  """How a run goes about its work.

  None of it shapes the numbers, except that replicas normalize by their own
  part of a batch unless `sync_batch_norm` is set, and that a student's own
  `Dropout` drops alike on each.
  """

  title = "Running"

  eval_interval_steps: int | None = setting(
    None, "Steps between evaluations; by default only at the end.", lower=1
  )
  keep_best: str | None = setting(
    None,
    "Keep the checkpoint with the best value of this column of metrics.csv, "
    "test_accuracy for instance, as best.ckpt-STEP beside the last ones: the "
    "least of a loss, the greatest of an accuracy.",
  )
  save_interval_steps: int | None = setting(
    None, "Steps between checkpoints; by default only by time.", lower=1
  )
  save_interval_secs: float = setting(
    1200.0, "Seconds between checkpoints.", lower=0
  )
  save_summaries_secs: float = setting(
    120.0, "Seconds between flushes of TensorBoard's events.", lower=0
  )
  steps_per_call: int = setting(
    20,
    "Most training steps for each call from Python; fewer where they are slow.",
    lower=1,
  )
  record_losses: bool = setting(
    False,
    "Write the loss of every training example at every step, as the curriculum "
    "is shown it, to losses.csv in the training folder, from which data-driven "
    "mentors are trained.",
  )
  memory: bool | None = setting(
    None,
    "Remember of every training example the averages, over its visits, of its "
    "loss, its weight and the probabilities that the student predicts for its "
    "classes, in training_memory in the training folder, by which suspect "
    "labels are found. By default where images times classes are at most "
    "16,777,216.",
  )
  distribution: str = setting(
    "off",
    "Devices that share each batch: off (one device), mirrored (several of "
    "this machine) or multi_worker (several processes, on machines of their "
    "own or not, which TF_CONFIG names; see docs/scaling.md). `batch_size` is "
    "that of all together, and the numbers are those of one device, but for "
    "the student's own dropout, and batch normalization without "
    "`sync_batch_norm`.",
    choices=("off", "mirrored", "multi_worker"),
  )
  num_devices: int = setting(
    0,
    "How many GPUs are used where `distribution` is mirrored; 0 takes all. "
    "Without a GPU, into how many devices the CPU is divided.",
    lower=0,
  )

  def __post_init__(self) -> None:
    super().__post_init__()
    if self.num_devices and self.distribution != "mirrored":
      raise UserError(
        "num_devices: expected `distribution=mirrored` with it, got "
        f"{self.distribution}; give both, or leave it out"
      )
