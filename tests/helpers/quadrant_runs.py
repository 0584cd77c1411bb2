"""Whole training runs on the quadrants, short enough for many tests."""

import contextlib
import io

import pytest
import tiny
from rich.console import Console

from mentornet_tf.runs import checkpointing
from mentornet_tf.settings import TrainingSettings
from mentornet_tf.training import train

SETTINGS = TrainingSettings.of(
  dataset_name="quadrants",
  studentnet=tiny.STUDENT,
  curriculum="self_paced",
  batch_size=10,
  max_number_of_steps=24,
  log_interval_steps=4,
  learning_rate=0.05,
  example_dropout_rates="0.2,100",
)
OPTIONS = train.RunOptions(
  save_interval_steps=8, eval_interval_steps=12, steps_per_call=3
)


@contextlib.contextmanager
def killed_at_the_next_checkpoint():
  """Within it a run ends as soon as it has saved, as if it was killed."""
  save = checkpointing.CheckpointStore.save

  def save_and_die(store, step):
    save(store, step)
    raise RuntimeError("killed")

  with pytest.MonkeyPatch.context() as patched:
    patched.setattr(checkpointing.CheckpointStore, "save", save_and_die)
    with pytest.raises(RuntimeError, match="killed"):
      yield


def run(folder, settings=SETTINGS, options=OPTIONS, **kwargs):
  """Trains on the quadrants; returns the result and what was printed."""
  text = io.StringIO()
  result = train.train_and_evaluate(
    settings,
    folder,
    kwargs.pop("train_data", tiny.dataset()),
    kwargs.pop("eval_data", tiny.dataset(40, noise=0, seed=1)),
    options,
    Console(file=text, width=1000),
    **kwargs,
  )
  return result, text.getvalue()
