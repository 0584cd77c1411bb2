"""Kinds of values in JSON files."""

import math

import pytest

from mentornet_tf.internal import json_values


@pytest.mark.parametrize(
  ("check", "right", "wrong"),
  [
    ("is_whole", (0, 10**12), (-1, 10**12 + 1, 1.0, True, "1", None)),
    ("is_number", (-1, 0.5, 10**400), (math.nan, math.inf, True, "1", None)),
    ("is_share", (0, 1, 0.5), (-0.1, 1.1, math.nan, 10**400, True, "0", [])),
    ("is_text", ("", "a\u00a0b", "鳥\u3000"), ("a\nb", "\0", "\x1b", b"a", 1)),
    ("is_object", ({}, {"a": 1}), ([], None, "")),
  ],
)
def test_values_are_told_by_kind_and_bounds(check, right, wrong):
  holds = getattr(json_values, check)
  assert all(map(holds, right))
  assert not any(map(holds, wrong))


def test_whole_numbers_have_bounds_and_lists_hold_one_kind():
  assert json_values.is_whole(2, 2, 2)
  assert not json_values.is_whole(2, 3)
  assert json_values.is_list([], json_values.is_text)
  assert json_values.is_list(["a"], json_values.is_text)
  assert not json_values.is_list(["a", 1], json_values.is_text)
  assert not json_values.is_list("ab", json_values.is_text)
