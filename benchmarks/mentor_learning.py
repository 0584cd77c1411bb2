#!/usr/bin/env python3
r"""Measures quality and speed of mentor training; prints Markdown tables.

benchmarks/mentor_learning.py --part=seeds    error over seeds and curricula
benchmarks/mentor_learning.py --part=forms    logistic, MLP and MentorNet
benchmarks/mentor_learning.py --part=speed    steps per second, time to quality
"""

import time

import numpy as np
from absl import flags

from mentornet_tf.commands import command_line
from mentornet_tf.internal.tensorflow_startup import start_tensorflow

flags.DEFINE_enum(
  "part",
  "seeds",
  ["seeds", "forms", "speed", "labels"],
  "What to measure.",
)
flags.DEFINE_string("loss_dump", None, "Held-out losses, for --part=labels.")
flags.DEFINE_list(
  "mentors", "mentornet_pd", "Mentors to compare, for --part=labels."
)
flags.DEFINE_float(
  "percentile",
  75,
  "Loss percentile that differences are taken to, for --part=labels.",
  lower_bound=0,
  upper_bound=100,
)
flags.DEFINE_integer("seeds", 10, "How many seeds, from 0.", lower_bound=1)

CURRICULA = (
  "baseline",
  "self_paced",
  "spcl_linear",
  "hard_example_mining",
  "focal_loss",
  "mentornet_pd",
)

# Test MSE that counts as having learned a curriculum, and what 30,000 steps of
# the original took on two CPU cores, in seconds.
QUALITY, ORIGINAL_SECONDS = 0.005, 32.0


def main() -> None:
  """Runs the part that was asked for."""
  start_tensorflow()
  parts = {
    "seeds": print_seeds,
    "forms": print_forms,
    "speed": print_speed,
    "labels": print_label_quality,
  }
  parts[flags.FLAGS.part](flags.FLAGS.seeds)


def learn(curriculum, form, seed):
  """Learns one mentor; returns test MSE, seconds, seconds to quality."""
  from mentornet_tf.mentor_training.examples import predefined_examples
  from mentornet_tf.mentor_training.mentor_trainer import (
    build_mentor,
    train_mentor,
  )
  from mentornet_tf.mentor_training.recipes import MentorRecipe

  examples = predefined_examples(curriculum, seed=seed)
  recipe = MentorRecipe()
  mentor = build_mentor(form, recipe, seed=seed)
  reached = []
  started = time.perf_counter()

  def note(report):
    if report.test_mse <= QUALITY:
      reached.append(time.perf_counter() - started)

  report = train_mentor(mentor, examples, recipe, seed=seed, on_report=note)
  seconds = time.perf_counter() - started
  return report.test_mse, seconds, min(reached, default=np.inf)


def print_seeds(seeds: int) -> None:
  """Prints how exactly the default recipe learns each curriculum."""
  print(f"Test MSE over {seeds} seeds (data, weights, order), seconds.\n")
  print("| curriculum | min | median | max | s to 0.005 | s in all |")
  print("|---|---|---|---|---|---|")
  for curriculum in CURRICULA:
    runs = [learn(curriculum, "mentornet", seed) for seed in range(seeds)]
    errors, seconds, to_quality = np.transpose(runs)
    print(
      f"| {curriculum} | {errors.min():.1e} | {np.median(errors):.1e} | "
      f"{errors.max():.1e} | {np.max(to_quality):.1f} | "
      f"{np.median(seconds):.1f} |",
      flush=True,
    )


def print_forms(seeds: int) -> None:
  """Prints how exactly each form of mentor learns each curriculum."""
  forms = {"logistic": "logistic", "MLP": "mlp", "MentorNet": "mentornet"}
  print(f"Median test MSE over {seeds} seeds.\n")
  print(f"| curriculum | {' | '.join(forms)} |")
  print("|---" * (1 + len(forms)) + "|")
  for curriculum in CURRICULA:
    errors = [
      np.median([learn(curriculum, form, seed)[0] for seed in range(seeds)])
      for form in forms.values()
    ]
    cells = " | ".join(f"{error:.1e}" for error in errors)
    print(f"| {curriculum} | {cells} |", flush=True)


def print_speed(seeds: int) -> None:
  """Prints steps per second, and seconds until the quality is reached."""
  from mentornet_tf.mentor_training.examples import predefined_examples

  examples = predefined_examples("mentornet_pd")
  batches = np.random.default_rng(0).integers(0, 80_000, (2500, 32))
  ours, compiling = steps_per_second(examples, batches)
  plain = plain_steps_per_second(examples, batches[:1000])
  print("Batches of 32, the original's recipe, first call not counted.\n")
  print("| loop | steps per second |\n|---|---|")
  print(f"| one tf.function call per step | {plain:.0f} |")
  print(f"| many steps a call (ours) | {ours:.0f} |")
  print(f"| ratio | {ours / plain:.1f} |")
  print(f"\nThe first call took {compiling:.1f} s more (compiling).")
  times, cpu = [], time.process_time()
  for seed in range(seeds):
    times.append(learn("mentornet_pd", "mentornet", seed)[2])
  cpu = (time.process_time() - cpu) / seeds
  print(
    f"mentornet_pd to test MSE {QUALITY}, tracing included, over {seeds} "
    f"seeds: median {np.median(times):.1f} s, longest {max(times):.1f} s "
    f"(original: about {ORIGINAL_SECONDS:.0f} s, not always reached). A whole "
    f"run, making the data included, took {cpu:.1f} s of processor time."
  )


def print_label_quality(_: int) -> None:
  """Prints how well mentors and the plain loss find clean labels."""
  from mentornet_tf.curricula.mentors import load_mentor
  from mentornet_tf.errors import UserError
  from mentornet_tf.mentor_training.label_quality import compare_label_quality
  from mentornet_tf.mentor_training.loss_dump import read_loss_dump

  if not flags.FLAGS.loss_dump:
    raise UserError("--loss_dump: expected a file, got none; see --help")
  dump = read_loss_dump(flags.FLAGS.loss_dump)
  quality = compare_label_quality(
    dump,
    {name: load_mentor(name) for name in flags.FLAGS.mentors},
    percentile=flags.FLAGS.percentile,
  )
  print(f"{len(dump.loss)} losses, {dump.target_weights().mean():.1%} right.\n")
  print("| score | ROC AUC | 95 % interval |\n|---|---|---|")
  for name, one in quality.items():
    print(f"| {name} | {one.auc:.4f} | {one.low:.4f}–{one.high:.4f} |")


def steps_per_second(examples, batches):
  """Steps per second with the original's recipe, and compilation seconds."""
  from mentornet_tf.mentor_training.mentor_steps import MentorSteps
  from mentornet_tf.mentor_training.mentor_trainer import build_mentor
  from mentornet_tf.mentor_training.recipes import original_recipe

  recipe = original_recipe()
  steps = MentorSteps(
    build_mentor("mentornet", recipe),
    examples.train_features,
    examples.train_targets,
    recipe,
    "squared_error",
  )
  times = []
  for _ in range(4):
    started = time.perf_counter()
    steps.run(batches)
    times.append(time.perf_counter() - started)
  return len(batches) / np.median(times[1:]), times[0] - np.median(times[1:])


def plain_steps_per_second(examples, batches):
  """The usual TensorFlow 2 loop: a Keras optimizer, one call per step."""
  import keras
  import tensorflow as tf

  from mentornet_tf.mentor_training.mentor_trainer import build_mentor
  from mentornet_tf.mentor_training.recipes import original_recipe

  mentor = build_mentor("mentornet", original_recipe())
  optimizer = keras.optimizers.Adam(0.1, epsilon=1e-8, global_clipnorm=5.0)
  optimizer.build(mentor.trainable_variables)

  @tf.function
  def step(features, targets):
    with tf.GradientTape() as tape:
      weights = tf.sigmoid(mentor(features))
      loss = tf.reduce_mean(tf.square(targets - weights))
    gradients = tape.gradient(loss, mentor.trainable_variables)
    # Keras' clipping takes dense gradients only.
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    optimizer.apply_gradients(
      zip(gradients, mentor.trainable_variables, strict=True)
    )
    return loss

  features = examples.train_features.astype(np.float32)
  targets = examples.train_targets.astype(np.float32)[:, None]
  step(features[batches[0]], targets[batches[0]])
  started = time.perf_counter()
  for batch in batches:
    step(features[batch], targets[batch])
  return len(batches) / (time.perf_counter() - started)


if __name__ == "__main__":
  command_line.run(main)
