"""MentorNet for TensorFlow 2 and Keras 3: learning from noisy labels.

The public names below load on first use, so that importing the package prints
nothing and a command line can show its help before TensorFlow has started.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> the module that defines it.
_HOMES = {
  "FormulaCurriculum": "curricula.formula_curriculum",
  "MentorCurriculum": "curricula.mentor_curriculum",
  "MentorUpdate": "training.joint.callback",
  "MentorMix": "curricula.mentormix",
  "MentorNet": "curricula.mentor_network",
  "MentoredModel": "training.mentored_model",
  "OracleCurriculum": "curricula.plain_curricula",
  "ThresholdCurriculum": "curricula.plain_curricula",
  "UniformCurriculum": "curricula.plain_curricula",
  "UserError": "errors",
  "build_student": "students.registry",
  "corrupt_labels": "datasets.labels.noise",
  "export_mentor": "export.exporting",
  "export_student": "export.exporting",
  "list_mentors": "curricula.mentors",
  "load_mentor": "curricula.mentors",
  "load_tf1_student": "students.tf1_checkpoint",
  "nearest_percentile": "curricula.loss_statistics",
  "parse_example_dropout_rates": "curricula.dropout_rates",
  "rank_labels": "analysis.ranking",
  "read_tfrecords": "datasets.records.schema",
  "target_weights": "curricula.target_weights",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
  if name not in _HOMES:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
  globals()[name] = value
  return value


def __dir__() -> list[str]:
  return sorted(set(globals()) | set(__all__))
