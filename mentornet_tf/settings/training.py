"""All that shapes the numbers of a training run."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

from mentornet_tf.datasets.reading.preparation import (
  NO_AUGMENTATION,
  Augmentation,
)
from mentornet_tf.errors import UserError
from mentornet_tf.internal.setting_fields import (
  Setting,
  SettingsGroup,
  describe,
)
from mentornet_tf.settings.checks import BASELINE, MENTORMIX, ORACLE
from mentornet_tf.settings.groups import (
  FROM_SCRATCH,
  CurriculumSettings,
  DataSettings,
  ImageSettings,
  JointSettings,
  MentorMixSettings,
  OptimizerSettings,
  RefinedLabelsSettings,
  RunSettings,
  StudentSettings,
)
from mentornet_tf.settings.presets import StudentRecipe, student_recipe

# Small images are evaluated many at a time; large ones would need gigabytes.
_SMALL_IMAGES_AT_A_TIME = 500


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
  """All that shapes the numbers of a training run, one group per subject.

  Groups are given as such, `TrainingSettings(student=StudentSettings(...))`, or
  by the names of their fields, `TrainingSettings.of(studentnet="resnet32")`:
  these are also the names in run.json and those of the flags.
  """

  data: DataSettings = field(default_factory=DataSettings)
  images: ImageSettings = field(default_factory=ImageSettings)
  student: StudentSettings = field(default_factory=StudentSettings)
  optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
  curriculum: CurriculumSettings = field(default_factory=CurriculumSettings)
  mentormix: MentorMixSettings = field(default_factory=MentorMixSettings)
  refining: RefinedLabelsSettings = field(default_factory=RefinedLabelsSettings)
  joint: JointSettings = field(default_factory=JointSettings)
  run: RunSettings = field(default_factory=RunSettings)

  def __post_init__(self) -> None:
    fresh = self.curriculum.trained_mentornet_dir == FROM_SCRATCH
    if fresh and not self.joint.update_mentor_at:
      raise UserError(
        f"trained_mentornet_dir: expected {FROM_SCRATCH!r}, an untrained "
        "mentor, together with `update_mentor_at`, got it alone; give both, or "
        "a trained mentor"
      )
    if self.refining.refine_labels:
      self._check_refining()

  def _check_refining(self) -> None:
    if self.weighing in (BASELINE, ORACLE):
      raise UserError(
        "refine_labels: expected a curriculum that weighs by losses with it, "
        f"got {self.weighing}; give `trained_mentornet_dir` or `curriculum`"
      )
    if not (self.joint.weigh_by_average and self.optimizer.ema_decay):
      raise UserError(
        "refine_labels: expected `weigh_by_average` and `ema_decay` with it, "
        "since the EMA student guesses, got it without; set both"
      )
    mixes = self.curriculum.curriculum == MENTORMIX
    if mixes and self.mentormix.second_reweight:
      raise UserError(
        "second_reweight: expected False with `refine_labels`, which keeps "
        "every example's weight at 1, got True; switch it off"
      )

  @classmethod
  def of(cls, **values: Any) -> "TrainingSettings":
    """The defaults with `values` by the names of the groups' fields.

    Raises:
      UserError: an unknown name, or a value that its field does not take.
    """
    return cls().changed(**values)

  def changed(self, **values: Any) -> "TrainingSettings":
    """These settings with other `values`; names and errors as those of `of`."""
    by_group: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
      if name not in _GROUP_OF:
        near = difflib.get_close_matches(name, _GROUP_OF, n=1)
        raise UserError(
          f"settings: expected names of settings, got {name!r}; "
          + (f"did you mean {near[0]!r}?" if near else "leave it out")
        )
      by_group.setdefault(_GROUP_OF[name], {})[name] = value
    return replace(
      self,
      **{
        group: replace(getattr(self, group), **changes)
        for group, changes in by_group.items()
      },
    )

  def values(self) -> dict[str, Any]:
    """Value by name, over all groups, as run.json keeps them."""
    return {
      name: getattr(getattr(self, group), name)
      for name, group in _GROUP_OF.items()
    }

  @property
  def weighing(self) -> str:
    """What weighs the examples: `curriculum`, or that which MentorMix uses."""
    if self.curriculum.curriculum == MENTORMIX:
      return self.mentormix.mentormix_weights
    return self.curriculum.curriculum

  @property
  def recipe(self) -> StudentRecipe:
    """What training this student takes."""
    return student_recipe(self.student.studentnet)

  @property
  def augmentation(self) -> Augmentation:
    """What is done to small training images beside standardization."""
    if not self.images.augment:
      return NO_AUGMENTATION
    padding = self.images.crop_padding
    augmentation = self.recipe.augmentation
    return (
      augmentation
      if padding is None
      else replace(augmentation, padding=padding)
    )

  @property
  def evaluation_batch_size(self) -> int:
    """How many images to evaluate at a time."""
    if self.images.image_size is None:
      return _SMALL_IMAGES_AT_A_TIME
    return self.data.batch_size

  @property
  def student_options(self) -> dict[str, Any]:
    """Options of `build_student`; small images leave the student its size."""
    options: dict[str, Any] = {}
    if size := self.images.image_size:
      options["input_shape"] = (size, size, 3)
    if self.student.sync_batch_norm:
      options["sync_batch_norm"] = True
    return options


def training_groups() -> dict[str, type[SettingsGroup]]:
  """The groups of `TrainingSettings` by its attributes."""
  return {
    each.name: cast(type[SettingsGroup], each.type)
    for each in fields(TrainingSettings)
  }


_GROUP_OF = {
  each.name: attribute
  for attribute, group in training_groups().items()
  for each in describe(group)
}
_CURRENT_NAMES = {
  alias: each.name
  for group in training_groups().values()
  for each in describe(group)
  for alias in each.rules.aliases
}


def settings_by_name() -> dict[str, Setting]:
  """What is said of each setting, over all groups."""
  return {
    each.name: each
    for group in training_groups().values()
    for each in describe(group)
  }


def with_current_names(values: Mapping[str, Any]) -> dict[str, Any]:
  """Settings of an older version under the names of this one."""
  return {_CURRENT_NAMES.get(name, name): each for name, each in values.items()}
