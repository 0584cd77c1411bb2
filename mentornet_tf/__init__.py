"""MentorNet for TensorFlow 2 and Keras 3: learning from noisy labels.

The public names below load on first use, so that importing the package prints
nothing and a command line can show its help before TensorFlow has started.
Saved models load after `import mentornet_tf`, whichever classes they hold.
"""

import warnings
from importlib import import_module
from typing import Any

from mentornet_tf.internal import keras_saving

__version__ = "0.2.0"

# Public name -> the module that defines it.
_HOMES = {
  "Augmentation": "datasets.reading.preparation",
  "Curriculum": "curricula.curriculum",
  "DeviceImages": "training.device_images",
  "FormulaCurriculum": "curricula.formula_curriculum",
  "MemoryCurriculum": "curricula.memory_curriculum",
  "MemoryMentor": "curricula.memory_mentor",
  "MentorCurriculum": "curricula.mentor_curriculum",
  "MentorMix": "curricula.mentormix",
  "RememberedBatch": "curricula.memory_features",
  "RefinedLabels": "curricula.refined_labels",
  "RefinedLabelsModel": "training.refined_labels_model",
  "MentorNet": "curricula.mentor_network",
  "MentorMixModel": "training.mentormix_model",
  "MentoredModel": "training.mentored_model",
  "OracleCurriculum": "curricula.plain_curricula",
  "ThresholdCurriculum": "curricula.plain_curricula",
  "SuspectLabels": "analysis.suspects",
  "TrainingMemory": "training.memory.training_memory",
  "UniformCurriculum": "curricula.plain_curricula",
  "UpdateMentor": "training.joint.callback",
  "UserError": "errors",
  "build_student": "students.registry",
  "correct_labels": "analysis.label_correction",
  "corrupt_labels": "datasets.labels.noise",
  "estimate_noise": "analysis.noise_estimates",
  "export_mentor": "export.exporting",
  "export_student": "export.exporting",
  "find_label_issues": "analysis.finding",
  "label_quality": "analysis.finding",
  "list_mentors": "curricula.mentors",
  "load_mentor": "curricula.mentors",
  "load_tf1_student": "students.tf1_checkpoint",
  "nearest_percentile": "curricula.loss_statistics",
  "parse_example_dropout_rates": "curricula.dropout_rates",
  "rank_labels": "analysis.rank_labels",
  "read_tfrecords": "datasets.records.schema",
  "standardize": "training.device_images",
  "review_page": "analysis.review.reviewing",
  "target_weights": "curricula.target_weights",
  "with_index": "training.memory.indexed_inputs",
}

# Former public name -> its replacement.
_RENAMED = {"MentorUpdate": "UpdateMentor"}

__all__ = [*_HOMES, "__version__"]

keras_saving.register_with_keras()


def __getattr__(name: str) -> Any:
  if name in _RENAMED:
    new_name = _RENAMED[name]
    warnings.warn(
      f"{__name__}.{name} is now called {new_name}; the old name will be "
      "removed in a later release",
      DeprecationWarning,
      stacklevel=2,
    )
    return __getattr__(new_name)
  if name not in _HOMES:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
  globals()[name] = value
  return value


def __dir__() -> list[str]:
  return sorted(set(globals()) | set(__all__))
