"""What `mentored_step.py` says of a Python that cannot run its cases."""

import sys

import pytest
from step_cases import StepCases

from mentornet_tf.errors import UserError


@pytest.fixture(scope="module")
def cases():
  return StepCases(2, 1, "wall")


def test_a_python_that_is_missing_is_named(cases):
  with pytest.raises(
    UserError,
    match="^torch_python: expected a Python that has torch, got /none/python "
    r"\(No such file or directory\); give its path$",
  ):
    cases.torch("/none/python", "float32")


def test_a_python_without_torch_is_named(cases, tmp_path, monkeypatch):
  (tmp_path / "torch.py").write_text("raise ImportError\n")
  monkeypatch.setenv("PYTHONPATH", str(tmp_path))
  seconds = cases.torch("", "float32")
  for _ in range(2):  # the second finds the pipe closed
    with pytest.raises(UserError) as caught:
      seconds()
    assert str(caught.value) == (
      f"torch_python: expected a Python that has torch, got {sys.executable}; "
      "see its message above"
    )
