"""One of a few values, or a line that lists them."""

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.internal.choices import check_choice


def test_known_values_pass_and_others_are_told_them():
  check_choice("split", "val", ("train", "val"))
  with pytest.raises(UserError) as caught:
    check_choice("split", None, ("train", "val"))
  assert str(caught.value) == (
    "split: expected one of train, val, got None; choose one of them"
  )
