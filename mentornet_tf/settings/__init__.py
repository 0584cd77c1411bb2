"""Settings of a training run: said once, with meaning, bounds and default.

Imports neither TensorFlow nor Keras, so that a command line can check what it
is given at once.
"""

from mentornet_tf.settings.checks import (
  check_update_times,
  parse_update_times,
)
from mentornet_tf.settings.groups import (
  DECISION_THRESHOLD,
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
from mentornet_tf.settings.presets import (
  MENTORMIX_DEFAULTS,
  PUBLISHED_ACCURACIES,
  REFINING_DEFAULTS,
  STUDENT_RECIPES,
  StudentRecipe,
  fitting_ema_decay,
  preset,
  preset_names,
  published_run,
  student_recipe,
)
from mentornet_tf.settings.run_options import RunOptions
from mentornet_tf.settings.training import (
  TrainingSettings,
  settings_by_name,
  training_groups,
  with_current_names,
)

__all__ = [
  "DECISION_THRESHOLD",
  "FROM_SCRATCH",
  "MENTORMIX_DEFAULTS",
  "PUBLISHED_ACCURACIES",
  "REFINING_DEFAULTS",
  "STUDENT_RECIPES",
  "CurriculumSettings",
  "DataSettings",
  "ImageSettings",
  "JointSettings",
  "MentorMixSettings",
  "OptimizerSettings",
  "RefinedLabelsSettings",
  "RunOptions",
  "RunSettings",
  "StudentRecipe",
  "StudentSettings",
  "TrainingSettings",
  "check_update_times",
  "fitting_ema_decay",
  "parse_update_times",
  "preset",
  "preset_names",
  "published_run",
  "settings_by_name",
  "student_recipe",
  "training_groups",
  "with_current_names",
]
