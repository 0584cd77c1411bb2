import numpy as np
import tensorflow as tf

from mentornet_tf.training import loop


class Observer(loop.Action):
  """An action that notes what it sees, and never acts."""

  def __init__(self):
    self.calls = []

  def observe(self, step, reports):
    self.calls.append((step, reports))


def counting_runner():
  total = tf.Variable(0, dtype=tf.int64)

  def step(batch):
    total.assign_add(batch["x"])
    return {"total": total.read_value(), "x": tf.stack([batch["x"]] * 3)}

  batches = tf.data.Dataset.counter().map(lambda i: {"x": i})
  return loop.StepRunner(step, batches), total


def test_runner_runs_every_step_and_stacks_the_reports():
  runner, total = counting_runner()
  first, second = runner(4), runner(2)
  np.testing.assert_array_equal(first["total"], [0, 1, 3, 6])
  np.testing.assert_array_equal(second["total"], [10, 15])
  np.testing.assert_array_equal(second["x"], [[4, 4, 4], [5, 5, 5]])
  assert total.numpy() == 15


def test_calls_stop_where_an_action_is_due():
  runner, _ = counting_runner()
  every_four, every_six = [], []
  observer = Observer()
  step = loop.run_loop(
    runner,
    [
      loop.PeriodicCall(4, every_four.append),
      loop.PeriodicCall(6, every_six.append),
      observer,
    ],
    start_step=2,
    total_steps=13,
    steps_per_call=3,
  )
  assert step == 13
  assert every_four == [4, 8, 12]
  assert every_six == [6, 12]
  steps = [step for step, _ in observer.calls]
  assert steps == [3, 4, 6, 8, 11, 12, 13]
  counts = [len(reports["total"]) for _, reports in observer.calls]
  assert counts == [1, 1, 2, 2, 3, 1, 1]


def test_all_actions_observe_before_the_first_runs_and_each_decides_once():
  events = []

  class Noted(loop.Action):
    def __init__(self, name):
      self.name = name

    def observe(self, step, reports):
      events.append(f"{self.name} observes {step}")

    def due(self, step):
      events.append(f"{self.name} decides")
      return step > 2

    def run(self, step):
      events.append(f"{self.name} runs")

  loop.run_loop(
    lambda num_steps: {},
    [Noted("a"), Noted("b")],
    start_step=0,
    total_steps=4,
    steps_per_call=3,
  )
  observe_1 = ["a observes 1", "b observes 1"]
  observe_4 = ["a observes 4", "b observes 4"]
  assert events == [
    *(*observe_1, "a decides", "b decides"),
    *(*observe_4, "a decides", "a runs", "b decides", "b runs"),
  ]


def test_loop_stops_when_asked_and_says_where():
  runner, _ = counting_runner()
  seen = Observer()
  step = loop.run_loop(
    runner,
    [seen],
    start_step=0,
    total_steps=100,
    steps_per_call=5,
    should_stop=lambda: len(seen.calls) == 3,
  )
  assert step == 11


def test_calls_of_slow_steps_take_some_seconds():
  now = [0.0]

  def runner(num_steps):
    seconds = 60 if not seen.calls else 2 * num_steps
    now[0] += seconds
    return {}

  seen = Observer()
  loop.run_loop(
    runner,
    [seen],
    start_step=0,
    total_steps=8,
    steps_per_call=5,
    clock=lambda: now[0],
  )
  # The first one compiles; of the others, two fit into five seconds.
  assert [at for at, _ in seen.calls] == [1, 2, 4, 6, 8]


def test_calls_are_as_long_as_workers_agree():
  asked, agreed = [], iter([1, 2, 4, 0])

  def agree(num_steps):
    asked.append(num_steps)
    return next(agreed)

  runner, _ = counting_runner()
  seen = Observer()
  step = loop.run_loop(
    runner,
    [seen],
    start_step=0,
    total_steps=14,
    steps_per_call=5,
    should_stop=lambda: len(seen.calls) == 3,
    agreed_steps=agree,
  )
  assert asked == [1, 5, 5, 0]
  assert [at for at, _ in seen.calls] == [1, 3, 7]
  assert step == 7


def test_pace_gives_rate_and_time_left():
  times = iter([10.0, 15.0, 16.0])
  pace = loop.Pace(100, 400, clock=lambda: next(times))
  assert pace.lap(200) == (20.0, 10.0)
  assert pace.lap(300) == (100.0, 1.0)


def test_next_multiple():
  assert loop.next_multiple(0, 5) == 5
  assert loop.next_multiple(5, 5) == 10
  assert loop.next_multiple(7, 5) == 10
