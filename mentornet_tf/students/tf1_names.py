"""The original's variable name for every variable of a student.

A layer's name is the original's scope with "-" for "/"; the rest of the name
follows from the kind of variable. Source: golden student_variables.
"""

import re

import keras

from mentornet_tf.errors import UserError

_SCOPES = ("CifarNet", "init", "unit", "logit")


def tf1_variables(student: keras.Model) -> dict[str, keras.Variable]:
  """Maps the original's variable names to the variables of `student`.

  Covers trainable variables, batch-norm statistics and the two helpers behind
  each stored mean (`biased`, `local_step`), which the original keeps in its
  training graph only. Leaves out the state of random layers (dropout).

  Args:
    student: a CifarNet or residual net as its builder made or a `.keras` file
      restored it.

  Returns:
    name such as "unit_1_0/sub1/conv1/DW" -> Keras variable, in layer order.

  Raises:
    UserError: the original has no name for a variable of the student.
  """
  found = {}
  for layer in student.layers:
    # Version 0.1 wrote "." for "/", which torch allows in no variable's name.
    scope = re.sub("[-.]", "/", layer.name)
    kernel = "weights" if scope.startswith("CifarNet/") else "DW"
    renamed = {
      "kernel": kernel,
      "bias": "biases",
      "biased": f"{scope}/moving_mean/biased",
      "local_step": f"{scope}/moving_mean/local_step",
    }
    for variable in layer.weights:
      if scope.split("/")[0].split("_")[0] not in _SCOPES:
        raise UserError(
          "expected a CifarNet or residual net as build_student makes them, "
          f"got {student.name!r} with the layer {layer.name!r}, which the "
          "original does not know; build the student by its name"
        )
      found[f"{scope}/{renamed.get(variable.name, variable.name)}"] = variable
  return found
