r"""Trains a mentor on the examples of mentor-data.

  mentornet train-mentor --data_path=records/spcl_linear \
      --train_dir=mentors/spcl_linear

The folder receives mentor.keras, which `mentornet train` takes as
--trained_mentornet_dir, training.json with settings and errors, and the state
from which the same command continues after an interruption.

The default recipe fits every predefined curriculum in seconds: 3000 steps of
256 examples, a rate of 0.1 that rises for 100 steps and then falls along half a
cosine, cross-entropy, no clipping, and a trainable epoch table.

--recipe=original is the original code's, which collapses on some seeds. It sets
--mini_batch_size=32 --max_step_train=30000 --learning_rate=0.1 (explicit flags
take precedence) and also, without a flag of its own: the rate falls by 0.9
every 1000 steps without a rise; gradients are clipped to a global norm of 5;
the loss is the squared error unless the targets are exactly 0 and 1; the epoch
table stays as initialized; the steps are compiled by XLA.

A mentor that was trained on clean and noisy labels answers with probabilities.
--decisions_of=mentors/mine trains another one on what mentors/mine decides: to
keep the labels that it gives a weight above --decision_threshold.
"""

import dataclasses
import time

from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.errors import UserError
from mentornet_tf.internal.atomic_files import creatable_folder
from mentornet_tf.internal.tensorflow_startup import start_tensorflow
from mentornet_tf.settings import DECISION_THRESHOLD

flags.DEFINE_string("train_dir", None, "Folder to write the mentor into.")
flags.DEFINE_multi_string(
  "data_path",
  None,
  "Folder of mentornet mentor-data, or with the original's tr.p and ts.p; may "
  "be repeated, to train on the examples of several.",
)
flags.DEFINE_enum(
  "recipe", "default", ["default", "original"], "Settings to start from."
)
flags.DEFINE_enum(
  "mentor_form",
  "mentornet",
  ["mentornet", "logistic", "mlp", "memory"],
  "Network to train: MentorNet; one of two simpler ones to compare with; or "
  "memory, which sees what training remembers of each example, for the data of "
  "mentornet mentor-data --with_memory.",
)
flags.DEFINE_string(
  "decisions_of",
  None,
  "Mentor whose decisions about the examples are the targets, instead of the "
  "examples' own: a shipped name, or what mentornet train takes as "
  "--trained_mentornet_dir.",
)
flags.DEFINE_float(
  "decision_threshold",
  None,
  "Weight above which --decisions_of keeps a label, between 0 and 1; default "
  f"{DECISION_THRESHOLD}.",
)
flags.DEFINE_integer(
  "mini_batch_size",
  None,
  "Examples per step; empty takes the recipe's (default 256, original 32).",
  lower_bound=1,
)
flags.DEFINE_float(
  "max_step_train",
  None,
  "Steps; empty takes the recipe's (default 3000, original 3e4).",
  lower_bound=1,
)
flags.DEFINE_float(
  "learning_rate",
  None,
  "Highest learning rate; empty takes the recipe's (default 0.1, original "
  "0.1).",
)
flags.register_validator(
  "decision_threshold",
  lambda threshold: threshold is None or 0 < threshold < 1,
  "expected a number above 0 and below 1",
)
command_line.define_seed("Seed of initial weights and of the order.")
flags.register_validator(
  "max_step_train",
  lambda steps: steps is None or float(steps).is_integer(),
  "expected a whole number such as 3e4",
)
command_line.require_finite("learning_rate", above_zero=True)
flags.mark_flags_as_required(["train_dir", "data_path"])

PARAMETER_FLAGS = {
  "batch_size": "mini_batch_size",
  "folder": "train_dir",
  "form": "mentor_form",
  "mentor": "decisions_of",
  "steps": "max_step_train",
}


def main() -> None:
  """Trains the mentor, with a line for each pass over the examples."""
  options = flags.FLAGS
  if options.decision_threshold is not None and options.decisions_of is None:
    raise UserError(
      "--decision_threshold: expected --decisions_of beside it, got none; give "
      "the mentor that decides"
    )
  # Before TensorFlow starts, so that a wrong path fails at once.
  from mentornet_tf.mentor_training.example_files import load_examples
  from mentornet_tf.mentor_training.examples import joined_examples

  examples = joined_examples([load_examples(p) for p in options.data_path])
  creatable_folder(options.train_dir)
  start_tensorflow()
  from mentornet_tf.mentor_training.mentor_trainer import (
    build_mentor,
    train_mentor,
  )

  if options.decisions_of is not None:
    examples = _decided(examples, options)
  recipe = _recipe(options)
  mentor = build_mentor(options.mentor_form, recipe, seed=options.seed)
  print(
    f"{len(examples.train_targets)} examples, {recipe.steps} steps of "
    f"{recipe.batch_size}, loss: "
    f"{recipe.loss_kind(examples.binary).replace('_', ' ')}"
  )
  print("  step   pass  train loss  test loss  train MSE  test MSE")
  started = time.monotonic()
  report = train_mentor(
    mentor,
    examples,
    recipe,
    seed=options.seed,
    folder=options.train_dir,
    on_report=_print_report,
  )
  print(
    f"{options.train_dir}: trained a mentor in "
    f"{time.monotonic() - started:.1f} s, test MSE {report.test_mse:.5f}"
  )


def _decided(examples, options):
  from mentornet_tf.curricula.mentors import load_mentor
  from mentornet_tf.mentor_training.decisions import decided_examples

  name = options.decisions_of
  threshold = options.decision_threshold or DECISION_THRESHOLD
  decided = decided_examples(examples, load_mentor(name), threshold, name)
  kept = 100 * decided.train_targets.mean()
  if not decided.binary:
    raise UserError(
      f"--decisions_of: expected weights above and below {threshold:g} "
      f"(--decision_threshold), got {kept:.0f} % above; give another mentor or "
      "threshold"
    )
  print(
    f"{name} keeps {kept:.0f} % of the examples: those with a weight "
    f"above {threshold:g}"
  )
  return decided


def _recipe(options):
  from mentornet_tf.mentor_training.recipes import MentorRecipe, original_recipe

  recipe = original_recipe() if options.recipe == "original" else MentorRecipe()
  given = {
    "batch_size": options.mini_batch_size,
    "learning_rate": options.learning_rate,
    "steps": options.max_step_train and int(options.max_step_train),
  }
  changes = {name: value for name, value in given.items() if value is not None}
  return dataclasses.replace(recipe, **changes)


def _print_report(report) -> None:
  print(
    f"{report.step:6d} {report.epoch:6.1f}  {report.train_loss:10.5f} "
    f"{report.test_loss:10.5f} {report.train_mse:10.5f} "
    f"{report.test_mse:9.5f}",
    flush=True,
  )
