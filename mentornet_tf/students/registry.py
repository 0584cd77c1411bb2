"""Students by name: those of this package and functions of the user."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mentornet_tf.errors import UserError
from mentornet_tf.internal.user_functions import (
  failure,
  load_function,
  signature_of,
)
from mentornet_tf.students.options import check_integer

if TYPE_CHECKING:
  import keras


@dataclass(frozen=True)
class _Entry:
  """A student's builder as "module:function", and its default options."""

  builder: str
  defaults: dict[str, Any] = field(default_factory=dict)


_STUDENTS = {
  "inception": _Entry("mentornet_tf.students.cifarnet:cifarnet"),
  "inception_resnet_v2": _Entry(
    "mentornet_tf.students.inception_resnet:inception_resnet_v2"
  ),
  "resnet101": _Entry("mentornet_tf.students.resnet:residual_network"),
  "resnet32": _Entry(
    "mentornet_tf.students.resnet:residual_network",
    {"units_per_stage": 5, "stem_filters": 64, "widths": (128, 256, 512)},
  ),
}


def student_names() -> list[str]:
  """The names that `build_student` knows, sorted; does not import Keras."""
  return sorted(_STUDENTS)


def build_student(
  name: str, num_classes: int = 10, **options: Any
) -> "keras.Model":
  """Builds a student network with fresh weights.

  Args:
    name: one of `student_names()`, or "package.module:function" for a function
      of your own. It is called as `function(num_classes=..., **options)` and
      returns a `keras.Model` from images to logits (no softmax at the end).
    num_classes: width of the logits, >= 2.
    **options: passed on to the builder; see `cifarnet.cifarnet`,
      `resnet.residual_network` and `inception_resnet.inception_resnet_v2` for
      those of the shipped students.

  Returns:
    A model from images [B, height, width, channels] float32 to logits
    [B, num_classes].

  Raises:
    UserError: an unknown name or option, a value outside its range, or a
      function that cannot be imported or returns something else.
  """
  if not isinstance(name, str):
    raise UserError(f"student: expected a name, got {name!r}; {_name_advice()}")
  entry = _STUDENTS.get(name)
  if entry is None and ":" not in name:
    raise UserError(
      f"student: expected a known student, got {name!r}; {_name_advice()}"
    )
  check_integer("num_classes", num_classes, at_least=2)
  builder = load_function(entry.builder if entry else name, "student")
  defaults = entry.defaults if entry else {}
  _check_options(name, builder, options)
  student = builder(num_classes=num_classes, **(defaults | options))
  if entry is None:
    _check_student(name, student, num_classes, options, builder)
  return student


def _name_advice() -> str:
  return (
    f"use {', '.join(student_names())} or package.module:function for one of "
    "your own"
  )


def _check_options(
  name: str, builder: Callable[..., Any], options: Collection[str]
) -> None:
  """Raises UserError for options that `builder` does not take."""
  described = signature_of(builder)
  if described is None:
    raise UserError(
      f"student {name!r}: expected a function with the parameter num_classes, "
      "got one in C that does not tell its parameters; write one in Python"
    )
  parameters = described.values()
  accepts_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
  accepted = [
    p.name
    for p in parameters
    if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)
  ]
  if not accepts_any and "num_classes" not in accepted:
    raise UserError(
      f"student {name!r}: expected a function with the parameter num_classes, "
      f"got ({', '.join(accepted)}); add it"
    )
  unknown = [option for option in options if option not in accepted]
  if unknown and not accepts_any:
    known = ", ".join(o for o in accepted if o != "num_classes") or "none"
    raise UserError(
      f"student {name!r}: expected its options ({known}), got {unknown[0]!r}; "
      "correct or drop it"
    )


def _check_student(
  name: str,
  student: Any,
  num_classes: int,
  options: Mapping[str, Any],
  builder: Callable[..., Any],
) -> None:
  """Raises UserError unless `student` maps images to logits [B, classes]."""
  import keras

  if not isinstance(student, keras.Model):
    raise UserError(
      f"student {name!r}: expected the function to return a keras.Model, got "
      f"{type(student).__name__}; return the model itself"
    )
  inputs = getattr(student, "inputs", None)
  if inputs and len(inputs) != 1:
    raise UserError(
      f"student {name!r}: expected a model with one input (the images), got "
      f"{len(inputs)}; give it one"
    )
  if inputs:
    shape = inputs[0].shape
  else:
    shape = (None, *options.get("input_shape", (32, 32, 3)))
  try:
    output = student(keras.KerasTensor(shape, dtype="float32"))
  except Exception as error:
    raise failure(error, builder, name, f"student {name!r}") from error
  got = getattr(output, "shape", None)
  if got is None or len(got) != 2 or got[-1] != num_classes:
    described = type(output).__name__ if got is None else list(got)
    raise UserError(
      f"student {name!r}: expected one output of logits [B, {num_classes}], "
      f"got {described}; end the model in a dense layer of num_classes units"
    )
