import keras
import numpy as np
import pytest
from recipe_weights import fill_with_recipe

from mentornet_tf.students.cifarnet import cifarnet


@pytest.mark.parametrize("num_classes", [10, 100])
def test_logits_equal_the_original(golden, num_classes):
  recorded = golden.npz("students_cifarnet")
  student = cifarnet(num_classes)
  fill_with_recipe(student)
  logits = student(recorded["images"])
  expected = recorded[f"cifarnet_logits_{num_classes}"]
  np.testing.assert_allclose(logits, expected, atol=1e-4, rtol=0)
  np.testing.assert_allclose(
    keras.ops.softmax(logits),
    recorded[f"cifarnet_predictions_{num_classes}"],
    atol=1e-4,
    rtol=0,
  )


@pytest.mark.parametrize(
  ("layer", "array"),
  [
    ("CifarNet.pool1", "cifarnet_pool1_first2"),
    ("CifarNet.pool2", "cifarnet_pool2_first2"),
    ("CifarNet.fc3", "cifarnet_fc3"),
  ],
)
def test_intermediate_outputs_equal_the_original(golden, layer, array):
  recorded = golden.npz("students_cifarnet")
  student = cifarnet()
  fill_with_recipe(student)
  head = keras.Model(student.input, student.get_layer(layer).output)
  expected = recorded[array]
  output = head(recorded["images"][: len(expected)])
  np.testing.assert_allclose(output, expected, atol=1e-4, rtol=0)
