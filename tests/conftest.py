"""Shared test data: the numbers recorded from the original implementation."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

GOLDEN = Path(__file__).parent / "testdata" / "golden"


class Golden:
  """Reads golden files: `golden.npz("vstar")`, `golden.json("...")`."""

  folder = GOLDEN

  def npz(self, name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as file:
      return {key: file[key] for key in file.files}

  def json(self, name: str):
    return json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.fixture(scope="session")
def golden() -> Golden:
  return Golden()
