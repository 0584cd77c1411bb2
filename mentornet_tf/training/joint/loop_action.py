"""Mentor updates within a run: when they are due, and what they write."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mentornet_tf.curricula.training_percent import training_percent
from mentornet_tf.internal.atomic_files import replacing
from mentornet_tf.internal.figures import png_bytes
from mentornet_tf.mentor_training.mentor_pictures import (
  draw_update,
  weight_surface,
)
from mentornet_tf.runs.run_folder import MetricsWriter
from mentornet_tf.training.joint.schedule import UpdateSchedule
from mentornet_tf.training.joint.update import update_mentor
from mentornet_tf.training.loop import Action
from mentornet_tf.training.mentored_model import MentoredModel

# The largest loss in pictures of updates, in nats.
LOSS_BOUND = 8.0

_FILE = "mentor-at-{step}.keras"


def updated_mentors(folder: Path) -> dict[int, Path]:
  """The files of a run's updated mentors, by the steps of their updates."""
  found = (
    path.stem.rpartition("-")[2]
    for path in Path(folder).glob(_FILE.format(step="*"))
  )
  steps = sorted(int(step) for step in found if step.isdecimal())
  return {step: Path(folder) / _FILE.format(step=step) for step in steps}


class UpdateMentorAction(Action):
  """Action that updates the mentor of a model.

  Saves every updated mentor in the training folder, and a picture of its
  weights before and after among TensorBoard's images. An update depends on the
  model's state alone, so an interrupted run may safely repeat one.

  Args:
    model: student and mentor.
    batches: makes the batches of the clean-labeled subset, as `update_mentor`
      takes them.
    schedule: when and how.
    folder: the training folder.
    writer: takes the pictures.
    print_line: takes a line per update.
  """

  def __init__(
    self,
    model: MentoredModel,
    batches: Callable[[], Iterable],
    schedule: UpdateSchedule,
    *,
    folder: Path,
    writer: MetricsWriter,
    print_line: Callable[[str], Any],
  ):
    self._model = model
    self._batches = batches
    self._schedule = schedule
    self._folder = folder
    self._writer = writer
    self._print_line = print_line

  def next_due(self, step: int) -> int | None:
    """The next step with an update, None after the last."""
    later = self._schedule.steps_after(step, self._model.total_steps)
    return later[0] if later else None

  def run(self, step: int) -> None:
    """Updates the mentor, saves it and draws the change."""
    mentor = self._model.curriculum.mentor
    percent = training_percent(step, self._model.total_steps)
    before = weight_surface(mentor, [percent], loss_bound=LOSS_BOUND)
    report = update_mentor(self._model, self._batches(), self._schedule)
    with replacing(self._folder / _FILE.format(step=step)) as partial:
      mentor.save(partial)
    after = weight_surface(mentor, [percent], loss_bound=LOSS_BOUND)
    figure = draw_update(before, after)
    self._writer.write_picture(step, "mentor/update", png_bytes(figure))
    self._print_line(
      f"step {step}  mentor updated at {percent} % of training: {report}"
    )
