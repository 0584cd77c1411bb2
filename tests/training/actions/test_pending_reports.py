"""Reports of an unfinished interval, kept beside a checkpoint."""

import numpy as np
import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.training.actions import metrics_reporter
from mentornet_tf.training.actions.metrics_reporter import MetricsReporter

_NAMES = (*metrics_reporter._AVERAGED, *metrics_reporter._LATEST)


class _Rows:
  """Stands for the writer of metrics."""

  def __init__(self):
    self.rows = []

  def write(self, step, row, **_):
    self.rows.append(row)


class _Pace:
  def lap(self, step):
    return 1.0, 0.0


def reporter(folder):
  rows = _Rows()
  return MetricsReporter(
    rows,
    lambda line: None,
    interval_steps=10,
    pace=_Pace(),
    total_steps=10,
    pending_dir=folder,
  ), rows


def reports(first, count):
  values = np.arange(first, first + count, dtype=np.float32)
  return {name: values for name in _NAMES} | {
    "example/weight": np.ones((count, 4), np.float32)
  }


@pytest.fixture
def saved(tmp_path):
  one, _ = reporter(tmp_path)
  one.observe(3, reports(0, 3))
  one.save_pending(3)
  return tmp_path / "pending-3.npz"


def test_a_continued_run_writes_the_same_row(saved, tmp_path):
  other, rows = reporter(tmp_path)
  other.restore_pending(3)
  other.observe(10, reports(3, 7))
  other.run(10)
  assert rows.rows[0]["total_loss"] == np.arange(10).mean()


@pytest.mark.parametrize("at", range(0, 2000, 140))
def test_cut_or_garbled_files_are_refused_in_one_line(saved, tmp_path, at):
  whole = saved.read_bytes()
  at = min(at, len(whole) - 1)
  zeros = whole[:at] + b"\0" * (len(whole) - at)
  for content in (whole[:at], zeros):
    saved.write_bytes(content)
    with pytest.raises(UserError) as caught:
      reporter(tmp_path)[0].restore_pending(3)
    message = str(caught.value)
    assert message.startswith(f"{saved}: expected the measurements since the")
    assert "remove it" in message and "\n" not in message


@pytest.mark.parametrize(
  ("change", "words"),
  [
    ({"total_loss": np.array(["a"] * 3)}, "other arrays"),
    ({"total_loss": np.zeros(2)}, "other arrays"),
    ({"total_loss": np.float32(1)}, "other arrays"),
    ({name: np.zeros(0) for name in (*_NAMES, "example/weight")}, "no steps"),
  ],
)
def test_other_arrays_are_refused(saved, tmp_path, change, words):
  np.savez(saved, **{**reports(0, 3), **change})
  with pytest.raises(UserError, match=words):
    reporter(tmp_path)[0].restore_pending(3)


def test_a_missing_name_is_told(saved, tmp_path):
  np.savez(saved, total_loss=np.zeros(3))
  with pytest.raises(UserError, match=r"damaged file \(no data_util/batch_sum"):
    reporter(tmp_path)[0].restore_pending(3)
