"""Rows of variables, against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mentornet_tf.internal.variable_rows import read_rows, write_rows

_INDEX = np.int32([4, 0, 4, 2])
_NEW = np.float32([[1, 2], [3, 4], [1, 2], [5, 6]])


def changed(variable):
  """The rows before, in a step that replaces them."""
  before = read_rows(variable, _INDEX)
  write_rows(variable, _INDEX, keras.ops.convert_to_tensor(_NEW))
  return before, read_rows(variable, _INDEX)


def table():
  return keras.Variable(np.arange(10, dtype=np.float32).reshape(5, 2))


def check(variable, before, after):
  expected = np.arange(10, dtype=np.float32).reshape(5, 2)
  np.testing.assert_array_equal(before, expected[_INDEX])
  expected[_INDEX] = _NEW
  np.testing.assert_array_equal(after, _NEW)
  np.testing.assert_array_equal(variable, expected)


@pytest.mark.parametrize(
  "compiled",
  [lambda f: f, tf.function, tf.function(jit_compile=True)],
  ids=["eager", "graph", "XLA"],
)
def test_rows_are_replaced(compiled):
  variable = table()
  check(variable, *compiled(lambda: changed(variable))())


def test_a_graph_reads_no_more_than_the_rows():
  variable = table()
  graph = tf.function(lambda: changed(variable)).get_concrete_function().graph
  operations = {each.type for each in graph.get_operations()}
  assert {"ResourceGather", "ResourceScatterUpdate"} <= operations
  assert "ReadVariableOp" not in operations
  assert "AssignVariableOp" not in operations


def test_a_stateless_call_leaves_the_variable_as_it_is():
  variable = table()
  with keras.StatelessScope() as scope:
    changed(variable)
  updated = scope.get_current_value(variable)
  check(updated, variable.numpy()[_INDEX], keras.ops.take(updated, _INDEX, 0))
  np.testing.assert_array_equal(variable[4], [8, 9])
