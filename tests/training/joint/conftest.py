"""Updates of the mentor that take few steps, for whole runs."""

import functools

import pytest
from joint_models import BRIEF

from mentornet_tf.training import builders
from mentornet_tf.training.joint.schedule import UpdateSchedule


@pytest.fixture
def brief_updates(monkeypatch):
  """Runs train the mentor by `BRIEF` at its updates."""
  brief = functools.partial(UpdateSchedule, recipe=BRIEF)
  monkeypatch.setattr(builders, "UpdateSchedule", brief)
