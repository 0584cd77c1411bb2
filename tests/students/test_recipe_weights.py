import numpy as np
import pytest
from recipe_weights import recipe_value

BUILDS = ["cifarnet_10", "cifarnet_100", "resnet_units2_10_train"]


@pytest.mark.parametrize("build", BUILDS)
def test_values_equal_the_recorded_ones(golden, build):
  for entry in golden.json("student_variables")["builds"][build]:
    value = recipe_value(entry["name"], tuple(entry["shape"]))
    if entry["fill"] == "zero":
      assert not value.any(), entry["name"]
      continue
    recorded = np.asarray(entry["first4"], np.float32)
    np.testing.assert_array_equal(value.ravel()[:4], recorded, entry["name"])
    norm = np.linalg.norm(value.astype(np.float64))
    np.testing.assert_allclose(norm, entry["l2"], rtol=1e-6)
