"""How many damaged copies are read: few in every run, many in slow ones."""

import pytest
from fuzzing import fuzz

FEW, MANY = 10, 400


@pytest.fixture
def fuzz_few(tmp_path):
  return lambda reader, count=FEW: fuzz(tmp_path, reader, range(count))


@pytest.fixture
def fuzz_many(tmp_path, record_property):
  def run(reader, count=MANY):
    outcomes = fuzz(tmp_path, reader, range(FEW, FEW + count))
    record_property("values", outcomes.values)
    record_property("lines", outcomes.lines)
    return outcomes

  return run
