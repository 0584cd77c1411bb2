import dataclasses

import pytest

from mentornet_tf.datasets.records.set_names import parse_set_names
from mentornet_tf.errors import UserError


def test_names_of_sets():
  names = parse_set_names(["a_b:val", "x/y/c:test", "/z/d:val"], "records")
  assert [dataclasses.astuple(name) for name in names] == [
    ("records", "a_b", "val"),
    ("x/y", "c", "test"),
    ("/z", "d", "val"),
  ]
  assert str(names[0]) == "a_b_val"


@pytest.mark.parametrize("bad", ["a_b", "a:", ":val", "a:v/al", "", "x/:val"])
def test_other_texts_are_refused(bad):
  with pytest.raises(UserError, match="eval_sets: expected names like"):
    parse_set_names([bad], "records")


def test_a_set_is_named_once():
  with pytest.raises(UserError, match="data set and split once, got a_val"):
    parse_set_names(["a:val", "b/a:val"], "records")
