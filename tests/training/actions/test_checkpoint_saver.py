from mentornet_tf.training.actions.checkpoint_saver import CheckpointSaver
from mentornet_tf.training.loop import run_loop


class Store:
  def __init__(self):
    self.steps = []

  def save(self, step):
    self.steps.append(step)


class Clock:
  now = 0.0

  def __call__(self):
    return self.now


def saved_steps(*, seconds_per_step=0.0, prepared=None, **options):
  """The steps saved in 25, taken two at a time."""
  store, clock = Store(), Clock()
  saver = CheckpointSaver(
    store,
    [] if prepared is None else [prepared.append],
    total_steps=25,
    boundary_steps=5,
    clock=clock,
    **options,
  )

  def runner(num_steps):
    clock.now += num_steps * seconds_per_step
    return {}

  run_loop(runner, [saver], start_step=0, total_steps=25, steps_per_call=2)
  saver.save(25)  # as at the end of every run
  return store.steps


def test_saves_by_steps_and_once_at_the_end():
  prepared = []
  steps = saved_steps(interval_steps=7, interval_seconds=1e9, prepared=prepared)
  assert steps == prepared == [7, 14, 21, 25]


def test_saves_by_time_at_boundaries():
  # Calls end at odd steps, so that of the boundaries 5 and 15 are seen.
  steps = saved_steps(
    interval_steps=None, interval_seconds=3, seconds_per_step=1
  )
  assert steps == [5, 15, 25]


def test_a_save_by_steps_restarts_the_clock():
  steps = saved_steps(interval_steps=8, interval_seconds=9, seconds_per_step=1)
  assert steps == [8, 16, 24, 25]
