import numpy as np
import pytest

from mentornet_tf.datasets.sources.class_names import (
  CIFAR10,
  CIFAR100,
  CIFAR100_SUPERCLASSES,
  confused_classes,
)


def test_cifar100_has_twenty_superclasses_of_five_fine_classes():
  assert len(CIFAR100) == len(set(CIFAR100)) == 100
  assert len(CIFAR100_SUPERCLASSES) == 20
  assert {len(names.split()) for names in CIFAR100_SUPERCLASSES.values()} == {5}
  # Known places in the official list of fine labels.
  places = {0: "apple", 19: "cattle", 49: "mountain", 72: "seal", 99: "worm"}
  assert {place: CIFAR100[place] for place in places} == places


def test_cifar10_map_is_the_customary_one():
  changed = {
    CIFAR10[true]: CIFAR10[wrong]
    for true, wrong in enumerate(confused_classes("cifar10"))
    if true != wrong
  }
  assert changed == {
    "truck": "automobile",
    "bird": "airplane",
    "deer": "horse",
    "cat": "dog",
    "dog": "cat",
  }


def test_cifar100_map_circles_within_each_superclass():
  target = confused_classes("cifar100")
  assert sorted(target) == list(range(100))
  for names in CIFAR100_SUPERCLASSES.values():
    members = {CIFAR100.index(name) for name in names.split()}
    place = min(members)
    visited = []
    for _ in range(5):
      visited.append(int(place))
      place = target[place]
    assert visited == sorted(members) and place == min(members)


def test_digits_map_is_the_one_of_mnist():
  np.testing.assert_array_equal(
    confused_classes("digits"), [0, 1, 7, 8, 4, 6, 5, 1, 8, 9]
  )


def test_unknown_data_set():
  with pytest.raises(KeyError):
    confused_classes("pets")
