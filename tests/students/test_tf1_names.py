import keras
import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.students.cifarnet import cifarnet
from mentornet_tf.students.registry import build_student
from mentornet_tf.students.resnet import residual_network
from mentornet_tf.students.tf1_names import tf1_variables


def is_helper(name):
  return name.endswith(("/biased", "/local_step"))


@pytest.mark.parametrize(
  ("builds", "build"),
  [
    (["cifarnet_10"], lambda: cifarnet(10)),
    (["cifarnet_100"], lambda: cifarnet(100)),
    (
      ["resnet_units1_10_eval", "resnet_units1_10_train"],
      lambda: residual_network(10, units_per_stage=1),
    ),
    (
      ["resnet_units2_10_eval", "resnet_units2_10_train"],
      lambda: residual_network(10, units_per_stage=2),
    ),
    pytest.param(
      ["resnet_units9_100_eval", "resnet_units9_100_train"],
      lambda: build_student("resnet101", 100),
      marks=pytest.mark.slow,
    ),
  ],
)
def test_names_and_shapes_equal_the_original(golden, builds, build):
  variables = tf1_variables(build())
  for name in builds:
    recorded = {
      entry["name"]: (tuple(entry["shape"]), entry["trainable"])
      for entry in golden.json("student_variables")["builds"][name]
    }
    ours = {
      key: (tuple(variable.shape), variable.trainable)
      for key, variable in variables.items()
      if not (name.endswith("eval") and is_helper(key))
    }
    assert ours == recorded


def test_every_variable_but_dropout_state_has_a_name():
  student = cifarnet()
  named = {id(v) for v in tf1_variables(student).values()}
  rest = [v.path for v in student.variables if id(v) not in named]
  assert all("seed_generator" in path for path in rest)
  assert len(named) == len(student.weights)


def test_names_survive_saving(tmp_path):
  student = residual_network(
    3, units_per_stage=1, stem_filters=4, widths=(4, 4, 4)
  )
  student.save(tmp_path / "student.keras")
  restored = keras.saving.load_model(tmp_path / "student.keras")
  assert list(tf1_variables(student)) == list(tf1_variables(restored))


def test_another_model_is_a_user_error():
  model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="d")])
  with pytest.raises(UserError, match=r"CifarNet or residual net.*'d'"):
    tf1_variables(model)


def test_models_of_version_0_1_keep_their_names():
  student = cifarnet()
  config = student.get_config()
  for layer in config["layers"]:
    layer["name"] = layer["config"]["name"] = layer["name"].replace("-", ".")
  for layer in config["layers"]:
    for node in layer["inbound_nodes"]:
      for tensor in node["args"]:
        history = tensor["config"]["keras_history"]
        history[0] = history[0].replace("-", ".")
  config["output_layers"][0] = config["output_layers"][0].replace("-", ".")
  old = keras.Model.from_config(config)
  assert old.layers[-1].name == "CifarNet.logits"
  assert list(tf1_variables(old)) == list(tf1_variables(student))


def test_no_layer_name_has_a_dot():
  """Under torch they name parameters, and PyTorch allows no dots there."""
  for student in (cifarnet(), residual_network(units_per_stage=1)):
    assert not [layer.name for layer in student.layers if "." in layer.name]
