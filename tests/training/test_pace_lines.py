"""Lines on the pace, with a clock that the test sets."""

import pytest

from mentornet_tf.training.actions.pace_lines import PaceLines


class Clock:
  def __init__(self):
    self.now = 100.0

  def __call__(self):
    return self.now


@pytest.fixture
def clock():
  return Clock()


def advance(lines, clock, step, seconds):
  clock.now += seconds
  lines.observe(step, {})
  if lines.due(step):
    lines.run(step)


def test_a_line_where_none_was_for_a_minute(clock):
  printed = []
  lines = PaceLines(printed.append, 1000, clock=clock)
  advance(lines, clock, 1, 30)  # compiles, and tells nothing of the pace
  assert printed == []
  advance(lines, clock, 5, 2)
  assert printed == []
  advance(lines, clock, 21, 8)
  assert printed.pop() == "step 21/1000  2.0 steps/s  8 min left"
  lines.print_line("row")
  assert printed.pop() == "row"
  advance(lines, clock, 111, 45)
  assert printed == []
  advance(lines, clock, 141, 15)
  assert printed.pop() == "step 141/1000  2.0 steps/s  7 min left"
  advance(lines, clock, 1000, 400)
  assert printed == []


def test_one_note_where_it_takes_days(clock):
  printed = []
  lines = PaceLines(printed.append, 39_000, only_note=True, clock=clock)
  advance(lines, clock, 1, 60)
  advance(lines, clock, 2, 25)
  advance(lines, clock, 3, 300)
  assert printed == [
    "note: at 25 s per step the 38998 steps left take 11 d 7 h; a GPU, a "
    "smaller `studentnet`, or a lower `max_number_of_steps` takes less"
  ]
