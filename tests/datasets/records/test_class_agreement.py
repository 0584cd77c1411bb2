"""Labels of two sets mean the same classes, or the first other one is named."""

import pytest

from mentornet_tf.datasets.records.class_agreement import (
  check_class_names,
  first_difference,
)
from mentornet_tf.errors import UserError

NUMBERS = [str(number) for number in range(12)]


@pytest.mark.parametrize(
  ("names", "others", "label"),
  [
    ("abc", "abc", None),
    (("tench, Tinca tinca", "b"), ["tench, Tinca tinca", "b"], None),
    ("abc", "acb", 1),
    ("abc", "abd", 2),
    # One has no names.
    ("abc", "012", None),
    ("012", "abc", None),
    # Numbers sorted as text.
    (NUMBERS, sorted(NUMBERS), 2),
    (sorted(NUMBERS), NUMBERS, 2),
    (sorted(NUMBERS), sorted(NUMBERS), None),
  ],
)
def test_the_first_difference(names, others, label):
  assert first_difference(names, others) == label
  if label is None:
    check_class_names("val", names, others, "the training images")


def test_the_message_names_it():
  with pytest.raises(UserError) as caught:
    check_class_names("digits:val", sorted(NUMBERS), NUMBERS, "digits_train")
  assert str(caught.value) == (
    "digits:val: expected the classes of digits_train in their order, got '10' "
    "as class 2, which is '2' there; convert one of the sets again with "
    "`class_names`, or choose another"
  )
