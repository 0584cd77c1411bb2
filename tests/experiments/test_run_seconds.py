"""The wall time of runs, over all their parts."""

import pytest

from mentornet_tf.errors import UserError
from mentornet_tf.experiments import run_seconds
from mentornet_tf.experiments.run_seconds import (
  RunSeconds,
  add_seconds,
  read_seconds,
  seconds_of_all,
)
from mentornet_tf.internal.json_files import write_json


def test_parts_add_up_and_killed_ones_count_by_the_pace_of_others(
  tmp_path, monkeypatch
):
  now = 0.0
  monkeypatch.setattr(run_seconds.time, "perf_counter", lambda: now)
  assert read_seconds(tmp_path).per_step is None
  now = 10.0
  add_seconds(tmp_path, 0.0, 0, 100)
  # Then killed at step 200, of which nothing is known.
  now = 50.0
  add_seconds(tmp_path, 40.0, 200, 300)
  assert read_seconds(tmp_path) == RunSeconds(300, 20.0, 200)
  assert read_seconds(tmp_path).total == 30.0
  add_seconds(tmp_path, 40.0, 300, 300)
  assert read_seconds(tmp_path) == RunSeconds(300, 20.0, 200)


def test_a_run_killed_after_its_last_step_has_reached_it(tmp_path):
  add_seconds(tmp_path, 0.0, 300, 300)
  assert read_seconds(tmp_path) == RunSeconds(300, 0.0, 0)


def test_files_of_earlier_versions_are_read(tmp_path):
  write_json(tmp_path / "seconds.json", {"step": 50, "seconds": 5.0})
  assert read_seconds(tmp_path) == RunSeconds(50, 5.0, 50)
  write_json(tmp_path / "seconds.json", {"step": "50", "seconds": 5.0})
  with pytest.raises(UserError, match="expected the numbers step, seconds"):
    read_seconds(tmp_path)


@pytest.mark.parametrize(
  ("at_once", "expected"), [(1, 10.0), (2, 7.0), (3, 5.0), (9, 4.0)]
)
def test_runs_at_a_time_take_as_long_as_the_last_of_them(at_once, expected):
  assert seconds_of_all([3.0, 1.0, 2.0, 4.0], at_once) == expected
