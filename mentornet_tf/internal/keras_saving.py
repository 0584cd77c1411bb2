"""Objects of this package out of saved Keras models.

Keras makes an object of a saved model only where its class is registered, which
a class is once its module has been imported. `import mentornet_tf` imports none
of them: it registers a stand-in for each as soon as Keras is there.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGE = "mentornet_tf"

# Every class that saved models may hold -> its module.
SERIALIZABLE = {
  "BatchDropout": "students.layers.batch_dropout",
  "ChannelPadding": "students.resnet",
  "FormulaCurriculum": "curricula.formula_curriculum",
  "LocalResponseNormalization": (
    "students.layers.local_response_normalization"
  ),
  "LogisticMentor": "curricula.mentor_network",
  "MLPMentor": "curricula.mentor_network",
  "MemoryCurriculum": "curricula.memory_curriculum",
  "MemoryMentor": "curricula.memory_mentor",
  "MentorCurriculum": "curricula.mentor_curriculum",
  "MentorMix": "curricula.mentormix",
  "MentorNet": "curricula.mentor_network",
  "MentorMixModel": "training.mentormix_model",
  "MentoredModel": "training.mentored_model",
  "Momentum": "training.optimizers",
  "OracleCurriculum": "curricula.plain_curricula",
  "PooledConvolution": "students.layers.pooled_convolution",
  "RefinedLabels": "curricula.refined_labels",
  "RefinedLabelsModel": "training.refined_labels_model",
  "ThresholdCurriculum": "curricula.plain_curricula",
  "TrainingMemory": "training.memory.training_memory",
  "UniformCurriculum": "curricula.plain_curricula",
  "ZeroDebiasedBatchNormalization": (
    "students.layers.zero_debiased_batch_normalization"
  ),
}


def register_with_keras() -> None:
  """Lets `keras.saving` find the classes, now or once Keras is imported."""
  if "keras" in sys.modules:
    _register(sys.modules["keras"])
  else:
    sys.meta_path.insert(0, _KerasFinder(_register))


@dataclass(frozen=True)
class _StandIn:
  """What is registered for a class until its module is imported."""

  name: str
  module: str

  @property
  def from_config(self) -> Callable[..., Any]:
    """That of the class, which takes the place of this when it is imported."""
    return getattr(import_module(self.module), self.name).from_config


def _register(keras: ModuleType) -> None:
  registered = keras.saving.get_custom_objects()
  for name, module in SERIALIZABLE.items():
    stand_in = _StandIn(name, f"{PACKAGE}.{module}")
    # A class whose module imported Keras first is there already.
    registered.setdefault(f"{PACKAGE}>{name}", stand_in)


class _KerasFinder(MetaPathFinder):
  """Finds Keras as the other finders do, and acts once it is imported."""

  def __init__(self, action: Callable[[ModuleType], None]):
    self._action = action

  def find_spec(
    self, fullname: str, path: Any = None, target: ModuleType | None = None
  ) -> ModuleSpec | None:
    if fullname != "keras":
      return None
    others = (finder for finder in sys.meta_path if finder is not self)
    specs = (finder.find_spec(fullname, path, target) for finder in others)
    spec = next((spec for spec in specs if spec is not None), None)
    if spec is not None and spec.loader is not None:
      execute = spec.loader.exec_module

      def execute_and_act(module: ModuleType) -> None:
        execute(module)
        if self in sys.meta_path:
          sys.meta_path.remove(self)
        self._action(module)

      spec.loader.exec_module = execute_and_act  # type: ignore[method-assign]
    return spec


def deserialize(
  config: Mapping[str, Any],
  classes: Iterable[type],
  custom_objects: Mapping[str, Any] | None = None,
) -> Any:
  """What Keras has serialized as `config`.

  Args:
    config: of an object of `classes`, made up of such, or of the user's own.
    classes: of this package.
    custom_objects: the user's classes by name, where they are not registered.
  """
  import keras

  known = {each.__name__: each for each in classes}
  return keras.saving.deserialize_keras_object(
    config, known | dict(custom_objects or {})
  )
