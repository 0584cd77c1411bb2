"""Shared test data: the numbers recorded from the original implementation."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# TensorFlow turns oneDNN's kernels on by the processor. Golden numbers are
# compared with the kernels that the original ran with, everywhere the same.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

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


@pytest.fixture(scope="session")
def digits_records(tmp_path_factory) -> Path:
  """A folder with records of the digits, 40 % symmetric label noise."""
  from mentornet_tf.datasets.labels.label_noise import LabelNoise
  from mentornet_tf.datasets.writing.in_memory import (
    NoisyRecords,
    write_noisy_records,
  )

  folder = tmp_path_factory.mktemp("digits")
  noise = LabelNoise(kind="symmetric", rate=0.4, seed=0)
  write_noisy_records(NoisyRecords(folder, noise=noise))
  return folder


def pytest_addoption(parser):
  parser.addoption(
    "--figures",
    action="store_true",
    help="print how close the golden tests came, as a Markdown table",
  )


@pytest.fixture
def figure(record_property):
  """Notes a difference from a golden number and what was allowed.

  `figure("mentor logits", error, bound)`: the largest of each quantity is
  printed by `bin/test --figures`.
  """

  def note(quantity: str, error: float, bound: float) -> None:
    record_property("figure", [quantity, float(error), float(bound)])

  return note


def pytest_terminal_summary(terminalreporter, config):
  if not config.getoption("--figures"):
    return
  worst = {}
  for reports in terminalreporter.stats.values():
    for report in reports:
      for name, value in getattr(report, "user_properties", ()):
        if name == "figure" and getattr(report, "when", "") == "call":
          quantity, error, bound = value
          if error >= worst.get(quantity, (-1.0, 0.0))[0]:
            worst[quantity] = (error, bound)
  terminalreporter.section("golden figures")
  terminalreporter.write_line("| quantity | largest difference | allowed |")
  terminalreporter.write_line("|---|---|---|")
  for quantity, (error, bound) in sorted(worst.items()):
    difference = f"{error:.2g} | {bound:.2g}" if bound else "exact | exact"
    terminalreporter.write_line(f"| {quantity} | {difference} |")
