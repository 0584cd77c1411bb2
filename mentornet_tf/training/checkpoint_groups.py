"""What a checkpoint of a run holds of its model."""

import keras

from mentornet_tf.runs.checkpointing import Groups, named
from mentornet_tf.training.ema import averaged_weights
from mentornet_tf.training.mentored_model import MentoredModel
from mentornet_tf.training.mentormix_model import MentorMixModel
from mentornet_tf.training.refined_labels_model import RefinedLabelsModel
from mentornet_tf.training.student_model import without


def variable_groups(model: MentoredModel) -> Groups:
  """All that shapes a run's future, by the groups of its checkpoints."""
  averages = averages_by_weight(model.student, model.optimizer)
  groups = {
    "student": model.student.variables,
    "curriculum": model.curriculum.variables,
    "optimizer": without(model.optimizer.variables, averages.values()),
    "progress": [model.used_examples],
  }
  if averages:
    groups["average"] = averages
  if model.memory is not None:
    groups["memory"] = model.memory.variables
  if isinstance(model, RefinedLabelsModel):
    groups["refining"] = model.refining.variables
    if model.mixing is not None:
      groups["mixing"] = model.mixing.variables
  if isinstance(model, MentorMixModel):
    groups["mixing"] = model.mixing.variables
    if model.second_curriculum is not None:
      # A mentor is the same one as the first curriculum's.
      groups["second_curriculum"] = without(
        model.second_curriculum.variables, model.curriculum.variables
      )
  return groups


def averages_by_weight(
  student: keras.Model, optimizer: keras.optimizers.Optimizer
) -> dict[str, keras.Variable]:
  """The EMA student's weights under the names that checkpoints give them."""
  averages = averaged_weights(optimizer)
  if not averages:
    return {}
  names = named(student.trainable_variables)
  return dict(zip(names, averages, strict=True))
